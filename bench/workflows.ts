import { mkdtempSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import type { Plan } from "../src/workflow-engine/plan.ts";
import { ADA, type House, openHouse } from "../test/workflow-engine/engine/house.ts";
import { node, plan, value } from "../test/workflow-engine/engine/plans.ts";
import { bare, type Measured, measure, openWorkflow } from "./workflow-peers.ts";

type Step = "value" | "effect";

/** Steps in a chain, of values (one commit each) or of effects (a claim and an end). */
const chain = (name: string, steps: number, type: Step) =>
  plan(
    name,
    Array.from({ length: steps }, (_, index) => {
      const needs = index === 0 ? [] : [`n${index - 1}`];
      return type === "value"
        ? value(`n${index}`, "1", { needs })
        : node(`n${index}`, "nothing", { needs, onCrash: "retry" });
    }),
  );

const CHAINS: Record<Step, Plan[]> = {
  value: [0, 1, 10, 11].map((steps) => chain(`v${steps}`, steps, "value")),
  effect: [0, 1, 10, 11].map((steps) => chain(`e${steps}`, steps, "effect")),
};
const chainOf = (steps: number, type: Step): Plan => CHAINS[type][[0, 1, 10, 11].indexOf(steps)]!;

const start = (house: House, shape: Plan, input: unknown = {}) =>
  house.engine.run({ workflow: { plan: shape }, input, principal: ADA });

async function ended(house: House, begun: Promise<{ id: string }>): Promise<void> {
  const run = await house.engine.waitFor((await begun).id, 600_000);
  if (run.state !== "succeeded") throw new Error(`${run.id} ${run.state} ${JSON.stringify(run.error)}`);
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const from = performance.now();
  await work();
  return performance.now() - from;
}

/** Ours and others in one run, then what only ours is asked. */
export async function run(): Promise<void> {
  const rows: Measured[] = [await bare()];
  const before = loadavg()[0]!.toFixed(1);
  const directory = mkdtempSync(join(tmpdir(), "specloop-bench-"));
  try {
    const house = await openHouse({ directory, concurrency: 64, types: [nothing] });
    for (const type of ["value", "effect"] as const) {
      const engine = type === "value" ? "specloop, values (1 commit a step)" : "specloop, effects (claim and end)";
      rows.push(await measure({ engine, run: (steps) => ended(house, start(house, chainOf(steps, type))) }));
    }
    const peers = await openWorkflow();
    if (peers) rows.push(...peers);
    else
      console.log("OTHERS ARE NOT MEASURED: set SPECLOOP_BENCH_PEERS to a folder with openworkflow@0.10.1 installed");
    console.table(rows);
    await throughput(house);
    await waiting(house, directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
  say("load before and after", `${before} ${loadavg()[0]!.toFixed(1)}`);
}

/** A node that reaches outside, as far as the engine knows, and does nothing. */
const nothing = {
  type: "nothing",
  description: "Does nothing.",
  config: z.strictObject({}),
  expressions: [],
  output: () => ({}),
  onCrash: "retry" as const,
  execute: async () => ({ outcome: "done" as const, output: 1 }),
};

/** As soon as it is known: a benchmark of minutes may be cut short. */
function say(what: string, figure: string): void {
  console.log(`${what.padEnd(56)} ${figure}`);
}

async function throughput(house: House): Promise<void> {
  for (const type of ["value", "effect"] as const) {
    for (const steps of [1, 10]) {
      const shape = chainOf(steps, type);
      const cpu = process.cpuUsage();
      const ms = await timed(() => Promise.all(Array.from({ length: 1000 }, () => ended(house, start(house, shape)))));
      const { user, system } = process.cpuUsage(cpu);
      const each = (user + system) / 1000 / (1000 * steps);
      say(`1,000 runs of ${steps} ${type}s at once, runs/s`, (1e6 / ms).toFixed(0));
      say("  a step, ms of wall clock and of processor", `${(ms / 1000 / steps).toFixed(3)} ${each.toFixed(3)}`);
    }
  }
  const body = { as: "n", nodes: [value("x", "n + 1")] };
  const config = { over: "inputs.list", limit: 10_000, concurrency: 50 };
  const wide = plan("wide", [node("m", "map", { body, config })]);
  const list = Array.from({ length: 5000 }, (_, index) => index);
  say("a map of 5,000 items, ms", (await timed(() => ended(house, start(house, wide, { list })))).toFixed(0));
}

async function waiting(house: House, directory: string): Promise<void> {
  globalThis.gc?.();
  const before = process.memoryUsage().rss;
  const asking = plan("asking", [node("g", "approval", { config: { prompt: "?" } })]);
  const runs = await Promise.all(Array.from({ length: 10_000 }, () => start(house, asking)));
  for (const { id } of runs) await house.engine.waitFor(id, 60_000);
  globalThis.gc?.();
  const mb = (process.memoryUsage().rss - before) / 2 ** 20;
  say("10,000 waiting runs, MB of memory", mb.toFixed(0));
  await house[Symbol.asyncDispose]();
  const from = performance.now();
  const again = await openHouse({ directory, types: [nothing] });
  say("start with 10,000 waiting runs, ms", (performance.now() - from).toFixed(0));
  const answer = { approved: true, comment: "" };
  const all = await timed(() =>
    Promise.all(
      runs.map(async ({ id }) => {
        await again.engine.approve(id, "g", answer, ADA);
        await again.engine.waitFor(id, 60_000);
      }),
    ),
  );
  say("10,000 runs answered and ended, ms", all.toFixed(0));
  await again[Symbol.asyncDispose]();
}
