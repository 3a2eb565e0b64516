import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { postgresPrograms, startPostgres } from "../test/helpers/postgres.ts";
import { ADA, begin, type House, openHouse, until } from "../test/workflow-engine/engine/house.ts";
import { node, plan, value } from "../test/workflow-engine/engine/plans.ts";
import { onPostgres } from "../test/workflow-engine/engine/postgres-house.ts";
import type { Plan } from "../src/workflow-engine/plan.ts";

const CHILD = join(import.meta.dirname, "../test/workflow-engine/engine/children/team-child.ts");
const children: ChildProcess[] = [];
const lines: Record<string, string> = {};

const chain = (name: string, steps: number): Plan =>
  plan(
    name,
    Array.from({ length: steps }, (_, index) =>
      value(`n${index}`, "1", { needs: index === 0 ? [] : [`n${index - 1}`] }),
    ),
  );

async function timed(house: House, shape: Plan): Promise<number> {
  const from = performance.now();
  const { state } = await house.engine.waitFor(await begin(house, shape), 600_000);
  if (state !== "succeeded") throw new Error(state);
  return performance.now() - from;
}

async function sequential(house: House, shape: Plan, times: number): Promise<{ p50: number; max: number }> {
  const took: number[] = [];
  for (let turn = 0; turn < times; turn++) took.push(await timed(house, shape));
  const sorted = took.toSorted((a, b) => a - b);
  return { p50: sorted[Math.floor(times / 2)]!, max: sorted.at(-1)! };
}

async function perSecond(house: House, shape: Plan, runs: number): Promise<number> {
  const from = performance.now();
  await Promise.all(Array.from({ length: runs }, () => timed(house, shape)));
  return runs / ((performance.now() - from) / 1000);
}

async function member(url: string, place: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, [CHILD, url, place], { stdio: ["ignore", "pipe", "inherit"] });
  children.push(child);
  await once(child.stdout, "data");
  return child;
}

async function overhead(what: string, house: House): Promise<void> {
  await sequential(house, chain("warm", 5), 5);
  const one = await sequential(house, chain("v1", 1), 30);
  const eleven = await sequential(house, chain("v11", 11), 30);
  lines[`${what}: a run of one value, ms p50 / max`] = `${one.p50.toFixed(1)} / ${one.max.toFixed(0)}`;
  lines[`${what}: each further value, ms`] = ((eleven.p50 - one.p50) / 10).toFixed(2);
  lines[`${what}: 300 runs of 1 value at once, runs/s`] = (await perSecond(house, chain("v1", 1), 300)).toFixed(0);
  lines[`${what}: 100 runs of 10 values at once, runs/s`] = (await perSecond(house, chain("v10", 10), 100)).toFixed(1);
}

export async function run(): Promise<void> {
  const programs = postgresPrograms();
  if (programs === null) return;
  await using server = await startPostgres(programs);
  const place = mkdtempSync(join(tmpdir(), "specloop-bench-"));
  lines["load before"] = loadavg()[0]!.toFixed(1);
  try {
    {
      await using house = await openHouse({ directory: place, kind: onPostgres(server.url), concurrency: 16 });
      await overhead("one process", house);
    }
    await using watcher = await openHouse({ directory: place, kind: onPostgres(server.url, { types: [] }) });
    const members = await Promise.all([member(server.url, place), member(server.url, place)]);
    await overhead("begun in one, done in two others", watcher);
    const asking = plan("ask", [node("g", "approval", { config: { prompt: "?" } }), value("x", "1", { needs: ["g"] })]);
    const answers: number[] = [];
    for (let turn = 0; turn < 20; turn++) {
      const id = await begin(watcher, asking);
      await until(async () => (await watcher.engine.get(id)).state === "waiting", "the question");
      const from = performance.now();
      await watcher.engine.approve(id, "g", { approved: true, comment: "" }, ADA);
      await watcher.engine.waitFor(id, 60_000);
      answers.push(performance.now() - from);
    }
    lines["an answer here to the end of the run there, ms p50"] = answers.toSorted((a, b) => a - b)[10]!.toFixed(0);
    members[1]!.kill("SIGKILL");
    const taken: number[] = [];
    let [victim] = members;
    for (const turn of [0, 1, 2]) {
      const key = `long${turn}`;
      await begin(watcher, plan(key, [node(key, "effect", { onCrash: "retry", config: { ms: 60_000 } })]));
      await until(() => watcher.begun(key) === 1, "the node");
      const next = await member(server.url, place);
      const from = performance.now();
      victim!.kill("SIGKILL");
      for (let waited = 0; watcher.begun(key) < 2 && waited < 600; waited++)
        await new Promise((go) => setTimeout(go, 50));
      taken.push(performance.now() - from);
      victim = next;
    }
    lines["a dead process's node is taken over after, s"] = taken.map((ms) => (ms / 1000).toFixed(1)).join(" ");
    lines["load after"] = loadavg()[0]!.toFixed(1);
  } finally {
    for (const child of children) child.kill("SIGKILL");
    rmSync(place, { recursive: true, force: true });
  }
  for (const [what, figure] of Object.entries(lines)) process.stdout.write(`${what.padEnd(64)} ${figure}\n`);
}
