import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { migrate, openSqliteStore } from "../../../src/adapters/store/index.ts";
import { telemetryMigrations, type SampleTables } from "../../../src/feedback-loop/index.ts";
import { Monitor } from "../../../src/feedback-loop/steps/monitor.ts";
import { systemClock as clock } from "../../../src/foundation/clock.ts";
import { EventBus } from "../../../src/foundation/events.ts";
import { silentLogger } from "../../../src/foundation/logger.ts";
import { principal } from "../every-event.ts";

// Measures until it is killed: calls of tools, one after the other, and says after each turn how many there were.
const store = openSqliteStore(join(process.argv[2]!, "telemetry.db"), "normal");
await migrate(store, [telemetryMigrations], clock.now());
const events = new EventBus(silentLogger);
const monitor = new Monitor({ samples: store.as<SampleTables>(), events, clock, logger: silentLogger });
await monitor.start();
for (let told = 0; ;) {
  for (let turn = 0; turn < 50; turn += 1, told += 1)
    events.emit("tool.called", { tool: "doc_read", ok: true, ms: told, principal });
  process.stdout.write(`${told}\n`);
  await wait(5);
}
