import { writeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { openSqliteStore } from "../../../../src/adapters/store/index.ts";

/**
 * Writes rows until it is killed or has written `count`, and says `ack <id>` on stdout after each write has resolved,
 * `fail <code>` where one was refused. Arguments: path, prefix of the ids, count, bytes per row, writes at once.
 */
const [path = "", prefix = "", count = "0", bytes = "10", atOnce = "8"] = process.argv.slice(2);
const say = (line: string) => writeSync(1, `${line}\n`);

interface Tables {
  rows: { id: string; body: string };
}

await using store = openSqliteStore(path, "full").as<Tables>();
await store.write((tx) =>
  tx.schema
    .createTable("rows")
    .ifNotExists()
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("body", "text")
    .execute(),
);
say("ready");
const body = "x".repeat(Number(bytes));

async function write(id: string): Promise<void> {
  try {
    await store.write((tx) => tx.insertInto("rows").values({ id, body }).returning("id").executeTakeFirstOrThrow());
    say(`ack ${id}`);
  } catch (error) {
    say(`fail ${(error as { code?: string }).code}`);
    await sleep(1);
  }
}

for (let next = 0; next < Number(count);) {
  const batch = Array.from({ length: Number(atOnce) }, () => write(`${prefix}-${next++}`));
  await Promise.all(batch);
}
