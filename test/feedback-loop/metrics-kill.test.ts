import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { openSqliteStore } from "../../src/adapters/store/index.ts";
import type { SampleTables } from "../../src/feedback-loop/index.ts";
import { fromRow } from "../../src/feedback-loop/samples-rollup.ts";
import { scenario } from "../helpers/scenario.ts";

const ROUNDS = 6;
const CHILD = join(import.meta.dirname, "children/measuring.ts");

scenario(
  "improvement-loop",
  "A killed process keeps what it had",
  async () => {
    const directory = await mkdtemp(join(tmpdir(), "specloop-metrics-"));
    try {
      let least = 0;
      for (let round = 0; round < ROUNDS; round += 1) {
        const child = spawn(process.execPath, [CHILD, directory], { stdio: ["ignore", "pipe", "inherit"] });
        // It is killed when it wrote something by itself, at a moment of its own.
        least = await moreThan(directory, least, child.stdout);
        child.kill("SIGKILL");
        await once(child, "exit");
        const { rows, values, counted, sum } = await read(directory);
        expect(rows).toBeGreaterThanOrEqual(least);
        expect([counted, sum]).toEqual([rows, values]);
        least = rows;
      }
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  },
  120_000,
);

/** Waits until more rows are there than before; returns how many. */
async function moreThan(directory: string, before: number, output: AsyncIterable<unknown>): Promise<number> {
  for await (const _ of output) {
    const { rows } = await read(directory).catch(() => ({ rows: 0 }));
    if (rows > before) return rows;
  }
  throw new Error("the process ended by itself");
}

/** What is in the store: rows, and what the sums say of them. */
async function read(directory: string) {
  await using store = openSqliteStore(join(directory, "telemetry.db"), "normal").as<SampleTables>();
  const samples = store.read.selectFrom("samples").where("metric", "=", "tool.time");
  const { rows, values } = await samples
    .select((row) => [row.fn.countAll<number>().as("rows"), row.fn.sum<number | null>("value").as("values")])
    .executeTakeFirstOrThrow();
  const days = store.read.selectFrom("metric_rollups").selectAll().where("level", "=", "day");
  const rollups = (await days.where("metric", "=", "tool.time").execute()).map(fromRow);
  return {
    rows,
    values: values ?? 0,
    counted: rollups.reduce((all, { count }) => all + count, 0),
    sum: rollups.reduce((all, { sum }) => all + sum, 0),
  };
}
