import { mkdtempSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { openHouse, type House } from "../test/workflow-engine/engine/house.ts";
import { ADA } from "../test/workflow-engine/engine/house.ts";
import { node, plan, value } from "../test/workflow-engine/engine/plans.ts";
import type { Plan } from "../src/workflow-engine/plan.ts";

/** Steps in a chain, of values (one commit each) or of effects (a claim and an end). */
const chain = (name: string, steps: number, type: "value" | "effect") =>
  plan(
    name,
    Array.from({ length: steps }, (_, index) => {
      const needs = index === 0 ? [] : [`n${index - 1}`];
      return type === "value"
        ? value(`n${index}`, "1", { needs })
        : node(`n${index}`, "effect", { needs, onCrash: "retry" });
    }),
  );

async function ended(house: House, ids: Promise<{ id: string }>[]): Promise<void> {
  await Promise.all(
    ids.map(async (begun) => {
      const run = await house.engine.waitFor((await begun).id, 600_000);
      if (run.state !== "succeeded") throw new Error(`${run.id} ${run.state} ${JSON.stringify(run.error)}`);
    }),
  );
}

const start = (house: House, shape: Plan) => house.engine.run({ workflow: { plan: shape }, input: {}, principal: ADA });

async function timed(work: () => Promise<void>): Promise<number> {
  const from = performance.now();
  await work();
  return performance.now() - from;
}

async function sequential(house: House, shape: Plan, times: number): Promise<number> {
  const took: number[] = [];
  for (let turn = 0; turn < times; turn++) took.push(await timed(() => ended(house, [start(house, shape)])));
  return took.toSorted((a, b) => a - b)[Math.floor(times / 2)]!;
}

/** What the disk and SQLite cost by themselves: one insert, one COMMIT, synchronous. */
function baseline(directory: string): number {
  const database = new DatabaseSync(join(directory, "plain.db"));
  database.exec(
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE t (id INTEGER PRIMARY KEY, body TEXT)",
  );
  const insert = database.prepare("INSERT INTO t (body) VALUES (?)");
  const from = performance.now();
  for (let row = 0; row < 500; row++) insert.run("x".repeat(300));
  database.close();
  return (performance.now() - from) / 500;
}

const directory = mkdtempSync(join(tmpdir(), "specloop-bench-"));
const lines: Record<string, string> = {};
try {
  lines["load before"] = loadavg()[0]!.toFixed(1);
  lines["plain FULL commit, ms"] = baseline(directory).toFixed(3);
  const house = await openHouse({ directory, concurrency: 64 });
  await sequential(house, chain("warm", 10, "value"), 30);
  const one = await sequential(house, chain("v1", 1, "value"), 50);
  const eleven = await sequential(house, chain("v11", 11, "value"), 50);
  lines["1 value, one run at a time, ms p50"] = one.toFixed(2);
  lines["each further value, ms"] = ((eleven - one) / 10).toFixed(3);
  for (const type of ["value", "effect"] as const) {
    const single = await timed(() =>
      ended(
        house,
        Array.from({ length: 1000 }, () => start(house, chain(`${type}1`, 1, type))),
      ),
    );
    lines[`1,000 runs of 1 ${type} at once, runs/s`] = (1000 / (single / 1000)).toFixed(0);
    const ten = await timed(() =>
      ended(
        house,
        Array.from({ length: 1000 }, () => start(house, chain(`${type}10`, 10, type))),
      ),
    );
    lines[`1,000 runs of 10 ${type}s at once, runs/s`] = (1000 / (ten / 1000)).toFixed(0);
    lines[`  per ${type}, ms`] = (ten / 10_000).toFixed(3);
  }
  const hundred = await timed(() =>
    ended(
      house,
      Array.from({ length: 100 }, () => start(house, chain("v10", 10, "value"))),
    ),
  );
  lines["100 runs of 10 values at once, ms"] = hundred.toFixed(0);
  const body = { as: "n", nodes: [value("x", "n + 1")] };
  const wide = plan("wide", [
    node("m", "map", { body, config: { over: "inputs.list", limit: 10_000, concurrency: 50 } }),
  ]);
  const list = Array.from({ length: 5000 }, (_, index) => index);
  const mapped = await timed(() =>
    ended(house, [house.engine.run({ workflow: { plan: wide }, input: { list }, principal: ADA })]),
  );
  lines["a map of 5,000 items, ms"] = mapped.toFixed(0);
  globalThis.gc?.();
  const before = process.memoryUsage().rss;
  const asking = plan("asking", [node("g", "approval", { config: { prompt: "?" } })]);
  const waiting = await Promise.all(Array.from({ length: 10_000 }, () => start(house, asking)));
  for (const { id } of waiting) await house.engine.waitFor(id, 60_000);
  globalThis.gc?.();
  lines["10,000 waiting runs, MB of memory"] = ((process.memoryUsage().rss - before) / 1024 / 1024).toFixed(0);
  await house[Symbol.asyncDispose]();
  const again = performance.now();
  const second = await openHouse({ directory });
  lines["start with 10,000 waiting runs, ms"] = (performance.now() - again).toFixed(0);
  await second[Symbol.asyncDispose]();
  lines["load after"] = loadavg()[0]!.toFixed(1);
} finally {
  rmSync(directory, { recursive: true, force: true });
}
for (const [what, figure] of Object.entries(lines)) process.stdout.write(`${what.padEnd(48)} ${figure}\n`);
