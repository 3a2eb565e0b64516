import { hostile, openWorld, publicServer } from "../test/tool-servers/world.ts";

const CALLS = 2000;
const AT_ONCE = 100;
const STARTS = 10;

/** What a call of a downstream tool costs, alone and in company, a start, and the way to an answer when a server hangs. */
export async function run(): Promise<{ rows: Record<string, string | number>[] }> {
  const everything = { command: process.execPath, args: [publicServer("everything")], concurrency: 64 };
  await using world = await openWorld({ everything, hostile: hostile("none") });
  await world.approve("everything");
  await world.approve("hostile");
  const echo = () => world.call("everything.echo", { message: "hi" });
  await timed(200, echo);
  const one = await timed(CALLS, echo);
  const many = await timed(20, () => Promise.all(Array.from({ length: AT_ONCE }, echo)));
  const start = await timed(STARTS, async () => {
    await world.room.server("everything").stop();
    await echo();
  });
  const late = await timed(2, () => world.call("hostile.hang", {}, { timeoutMs: 500 }).catch(() => {}));
  const listed = await timed(100, async () => void world.room.tools());
  return {
    rows: [
      { what: "one call", ...one },
      { what: `${AT_ONCE} calls at once, all of them`, ...many },
      { what: "stop, start, first call", ...start },
      { what: "a call that hangs, limit 500 ms", ...late },
      { what: "list the approved tools", ...listed },
    ],
  };
}

async function timed(times: number, work: () => Promise<unknown>): Promise<{ p50: number; p95: number; max: number }> {
  const taken: number[] = [];
  for (let at = 0; at < times; at += 1) {
    const started = performance.now();
    await work();
    taken.push(performance.now() - started);
  }
  taken.sort((a, b) => a - b);
  const quantile = (share: number) =>
    Number(taken[Math.min(taken.length - 1, Math.floor(taken.length * share))]!.toFixed(2));
  return { p50: quantile(0.5), p95: quantile(0.95), max: quantile(1) };
}
