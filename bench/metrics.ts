import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { migrate, openSqliteStore, type Store } from "../src/adapters/store/index.ts";
import { METRICS, telemetryMigrations, type SampleTables } from "../src/feedback-loop/index.ts";
import { MetricDesk } from "../src/feedback-loop/metric-desk.ts";
import { forgetOld } from "../src/feedback-loop/samples-forget.ts";
import { DAY_MS, OpenHours } from "../src/feedback-loop/samples-rollup.ts";
import { SampleWriter, type NewSample } from "../src/feedback-loop/samples.ts";
import { Monitor } from "../src/feedback-loop/steps/monitor.ts";
import { systemClock as clock } from "../src/foundation/clock.ts";
import { EventBus } from "../src/foundation/events.ts";
import { silentLogger } from "../src/foundation/logger.ts";

const SAMPLES = 1_000_000;
const DAYS = 90;
const ROUNDS = 5;
const FLOOD = 300_000;

interface Row {
  what: string;
  "processor ms": string;
  "elapsed ms": string;
}

/** Figures over 1,000,000 samples of 90 days with 6 label values each, scrapes of every set, and what an event costs. */
export async function run(): Promise<{ rows: Row[] }> {
  const directory = await mkdtemp(join(tmpdir(), "specloop-bench-"));
  const store = openSqliteStore(join(directory, "telemetry.db"), "normal").as<SampleTables>();
  await migrate(store.as(), [telemetryMigrations], Date.now());
  const rows: Row[] = [];
  const timed = async (what: string, work: () => Promise<unknown>, rounds = ROUNDS) => {
    rows.push(await measured(what, work, rounds));
  };
  await timed(`write ${SAMPLES} samples with their sums`, () => fill(store), 1);
  const events = new EventBus(silentLogger);
  await using monitor = new Monitor({ samples: store, events, clock, logger: silentLogger });
  await timed("start over them", () => monitor.start(), 1);
  const desk = new MetricDesk(store, clock, monitor);
  for (const days of [1, 7, 30, 90]) await timed(`every metric, ${days} days`, () => desk.list(days));
  for (const days of [7, 90])
    await timed(`one metric by its labels, ${days} days`, () => desk.figures("tool.time", { points: 30, days }));
  await timed("rows behind it, 7 days, one label", () =>
    desk.rows("tool.time", { limit: 100, days: 7, label: { name: "tool", value: "value-3" } }),
  );
  const keep = { keepDays: 180, keepHourlyDays: 180, keepDailyDays: 3650 };
  await timed("forget where nothing is old", () => forgetOld(store, Date.now(), keep));
  await timed(`${FLOOD} events at once, two metrics each`, async () => flood(events), 1);
  await timed("write what is kept of them", () => monitor.flush(), 1);
  await timed(`scrape ${METRICS.length} metrics`, async () => desk.scrape());
  await timed("forget all samples", () => forgetOld(store, Date.now() + 2 * DAY_MS, { ...keep, keepDays: 1 }), 1);
  await monitor[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
  return { rows };
}

/** Samples spread evenly over the days, as they would have come. */
async function fill(store: Store<SampleTables>): Promise<void> {
  const writer = new SampleWriter(store);
  await writer.load();
  const begin = Date.now() - DAYS * DAY_MS;
  const at = (index: number) => Math.floor(begin + (index / SAMPLES) * DAYS * DAY_MS);
  for (let done = 0; done < SAMPLES; done += 2000) {
    const hours = new OpenHours();
    const samples = Array.from({ length: 2000 }, (_, index) => sample(done + index, at(done + index)));
    for (const { metric, value, at: when, labels } of samples) hours.add(metric, labels ?? "", { value, at: when });
    await writer.write(samples, { hours: hours.take() });
  }
}

function sample(index: number, at: number): NewSample {
  const metric = METRICS[index % METRICS.length]!;
  const value = metric.unit === "share" ? Number(Math.random() < 0.2) : 10 * Math.exp(Math.random() * 5);
  const labels = metric.labels[0] ? JSON.stringify({ [metric.labels[0]]: `value-${index % 6}` }) : null;
  return { metric: metric.name, value, at, ref: `q-${index}`, labels };
}

function flood(events: EventBus): void {
  const principal = { kind: "agent", name: "bench" } as const;
  for (let index = 0; index < FLOOD; index += 1)
    events.emit("tool.called", { tool: `tool_${index % 100}`, ok: true, ms: index % 1000, principal });
}

async function measured(what: string, work: () => Promise<unknown>, rounds: number): Promise<Row> {
  const used: number[] = [];
  const elapsed: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const [cpu, start] = [process.cpuUsage(), performance.now()];
    await work();
    const { user, system } = process.cpuUsage(cpu);
    used.push((user + system) / 1000);
    elapsed.push(performance.now() - start);
  }
  const middle = (values: number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!.toFixed(1);
  return { what, "processor ms": middle(used), "elapsed ms": middle(elapsed) };
}
