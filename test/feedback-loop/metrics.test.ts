import { expect, test } from "vitest";
import { METRICS, telemetryMigrations } from "../../src/feedback-loop/index.ts";
import { forgetOld } from "../../src/feedback-loop/samples-forget.ts";
import { quantile, seededRandom } from "../../src/feedback-loop/statistics.ts";
import { Sketch } from "../../src/feedback-loop/sketch.ts";
import { scenario } from "../helpers/scenario.ts";
import { everyEvent, principal } from "./every-event.ts";
import { openWorld, type World } from "./world.ts";

const DAY = 86_400_000;
const KEEP = { keepDays: 1, keepHourlyDays: 8, keepDailyDays: 20 };

/** Answers of that many days, back from now. */
async function answersOf(world: World, days: number, each: number): Promise<{ at: number; ms: number }[]> {
  const random = seededRandom("answers");
  const told: { at: number; ms: number }[] = [];
  for (let ago = days - 1; ago >= 0; ago -= 1) {
    world.offset = -ago * DAY;
    const times = Array.from({ length: each }, () => Math.exp(random() * 9));
    for (const [index, ms] of times.entries()) {
      const route = index % 2 === 0 ? "documents" : "model";
      world.events.emit("question.answered", { questionId: `q-${ago}-${index}`, route, cached: false, ms, principal });
    }
    await world.loop.settle();
    const rows = world.samples.read.selectFrom("samples").select("at").orderBy("id", "desc").limit(1);
    const { at } = await rows.executeTakeFirstOrThrow();
    told.push(...times.map((ms) => ({ at, ms })));
  }
  return told;
}

async function figures(world: World, days: number) {
  return world.loop.metrics.figures("question.time_to_answer", { points: 1, days });
}

scenario("improvement-loop", "Every metric says what its events say", async () => {
  await using world = await openWorld();
  const expected = everyEvent(world.events);
  const { metrics } = await world.loop.metrics.list(1);
  const means = Object.fromEntries(metrics.map(({ metric, mean }) => [metric.name, mean]));
  expect(means).toEqual(
    Object.fromEntries(Object.entries(expected).map(([name, value]) => [name, expect.closeTo(value, 9)])),
  );
  expect(Object.keys(expected).toSorted()).toEqual(METRICS.map(({ name }) => name).toSorted());
  for (const { name, title, what, sources, labels } of METRICS) {
    expect([name, title.length > 3, what.endsWith("."), sources.length > 0]).toEqual([name, true, true, true]);
    expect(labels.every((label) => /^[a-z]+$/.test(label) && label !== "le")).toBe(true);
  }
  const parts = (await world.loop.metrics.figures("node.failure", { points: 1, days: 1 })).parts;
  expect(parts.map(({ labels, mean }) => [labels, mean] as const).toSorted(([, a], [, b]) => a! - b!)).toEqual([
    [{ type: "llm" }, 0],
    [{ type: "llm", failure: "timeout" }, 1],
  ]);
});

scenario("improvement-loop", "The time in a stage is known after a restart", async () => {
  await using world = await openWorld();
  const move = (from: string | null, to: string | null, at: number) =>
    world.events.emit("change.state_changed", { changeId: "add-a", root: "openspec", from, to, at });
  move(null, "planning", 1_000_000);
  await world.restart();
  move("planning", "implementing", 4_000_000);
  // A clock that was set back measures nothing.
  move("implementing", "implemented", 3_000_000);
  move("implemented", null, 3_500_000);
  move(null, "planning", 9_000_000);
  const { parts, count } = await world.loop.metrics.figures("change.time_in_stage", { points: 1, days: 1 });
  expect(count).toBe(2);
  expect(parts.map(({ labels, sum }) => [labels["stage"], sum]).toSorted()).toEqual([
    ["implemented", 500_000],
    ["planning", 3_000_000],
  ]);
  expect((await world.samples.read.selectFrom("metric_marks").selectAll().execute()).map(({ at }) => at)).toEqual([
    9_000_000,
  ]);
});

scenario("improvement-loop", "Labels do not grow without end", async () => {
  await using world = await openWorld();
  const call = (tool: string) => world.events.emit("tool.called", { tool, ok: true, ms: 1, principal });
  for (let index = 0; index < 30; index += 1) call(`tool_${index}`);
  for (let index = 0; index < 300; index += 1) call(`made_up_${index}`);
  await world.restart();
  for (let index = 0; index < 200; index += 1) call(`later_${index}`);
  const { parts, count } = await world.loop.metrics.figures("tool.time", { points: 1, days: 1 });
  const named = parts.map(({ labels }) => labels["tool"]);
  expect(count).toBe(530);
  expect(named).toHaveLength(41);
  expect(parts.find(({ labels }) => labels["tool"] === "other")?.count).toBe(530 - 40);
});

scenario("improvement-loop", "A figure over many days does not need the samples", async () => {
  await using world = await openWorld();
  const all = await answersOf(world, 12, 1500);
  await forgetOld(world.samples, Date.now() + 2 * DAY, { ...KEEP, keepHourlyDays: 100, keepDailyDays: 100 });
  expect(await world.samples.read.selectFrom("samples").select("id").execute()).toEqual([]);
  for (const days of [1, 3, 9, 30]) {
    const { window, parts, points, ...told } = await figures(world, days);
    const inside = all.filter(({ at }) => at >= window.since).map(({ ms }) => ms);
    expect(told).toMatchObject({ count: inside.length, min: Math.min(...inside), max: Math.max(...inside) });
    expect(told.mean).toBeCloseTo(inside.reduce((a, b) => a + b) / inside.length, 6);
    for (const [share, value] of [
      [0.5, told.median],
      [0.95, told.p95],
      [0.99, told.p99],
    ] as const) {
      expect(Math.abs(value! / quantile(inside, share) - 1), `${days} days, ${share}`).toBeLessThan(0.025);
    }
    expect(parts.map(({ count }) => count)).toEqual([inside.length / 2, inside.length / 2]);
    expect(points.reduce((sum, { count }) => sum + count, 0)).toBe(inside.length);
  }
});

scenario("improvement-loop", "Each level is forgotten at its time", async () => {
  await using world = await openWorld();
  await answersOf(world, 30, 10);
  await forgetOld(world.samples, Date.now(), KEEP);
  const { read } = world.samples;
  const count = async (level: "hour" | "day") =>
    (
      await read
        .selectFrom("metric_rollups")
        .selectAll()
        .where("level", "=", level)
        .where("metric", "=", "question.time_to_answer")
        .where("labels", "=", '{"route":"model"}')
        .execute()
    ).length;
  const samples = await read
    .selectFrom("samples")
    .select("at")
    .where("metric", "=", "question.time_to_answer")
    .execute();
  expect(samples).toHaveLength(10);
  expect(await count("hour")).toBe(8);
  expect(await count("day")).toBe(20);
  expect((await figures(world, 3)).count).toBeGreaterThanOrEqual(30);
});

scenario("improvement-loop", "A store without sums gets them", async () => {
  await using world = await openWorld();
  const all = await answersOf(world, 3, 50);
  const before = await figures(world, 30);
  await world.samples.write(async (tx) => {
    await tx.schema.dropTable("metric_rollups").execute();
    await tx.schema.dropTable("metric_marks").execute();
    await tx.schema.dropIndex("samples_at").execute();
  });
  await world.samples.write((tx) => telemetryMigrations.migrations[1]!.up(tx as never));
  const after = await figures(world, 30);
  expect(after).toMatchObject({ count: all.length, mean: expect.closeTo(before.mean!, 9), p95: before.p95, parts: [] });
});

scenario("improvement-loop", "A flood of events keeps memory bounded", async () => {
  await using world = await openWorld();
  const events = 300_000;
  const start = process.cpuUsage();
  for (let index = 0; index < events; index += 1)
    world.events.emit("llm.called", {
      backend: "b",
      model: "m",
      purpose: "p",
      ok: false,
      ms: 1,
      tokensIn: 1,
      tokensOut: 1,
    });
  const { user, system } = process.cpuUsage(start);
  console.info(`an event with one metric: ${((user + system) / events).toFixed(2)} µs of processor time`);
  const lost = (await world.loop.status()).lostSamples;
  expect(lost).toBe(events - 50_000);
  const told = await world.loop.metrics.figures("llm.failure", { points: 1, days: 1 });
  expect([told.count, told.sum]).toEqual([events, events]);
  const rows = await world.samples.read
    .selectFrom("samples")
    .select((row) => row.fn.countAll<number>().as("n"))
    .executeTakeFirstOrThrow();
  expect(rows.n).toBe(50_000);
});

test("quantiles of merged sketches are those of all values, within 2 %", () => {
  const random = seededRandom("sketch");
  const [one, other] = [new Sketch(), new Sketch()];
  const values = Array.from({ length: 5000 }, (_, index) => (index % 50 === 0 ? 0 : Math.exp(random() * 30 - 12)));
  for (const [index, value] of values.entries()) (index % 3 === 0 ? one : other).add(value);
  one.merge(Sketch.fromText(other.toText()));
  const bounds = { min: Math.min(...values), max: Math.max(...values) };
  for (const share of [0, 0.1, 0.5, 0.9, 0.99, 1]) {
    const [told] = one.quantiles([share], bounds);
    const exact = quantile(values, share);
    expect(Math.abs(told! - exact), `${share}: ${told} for ${exact}`).toBeLessThanOrEqual(0.021 * exact);
  }
  expect(new Sketch().quantiles([0.5], { min: Infinity, max: -Infinity })).toEqual([NaN]);
});

test("figures of nothing are nothing, and a metric that is new to a store is one of them", async () => {
  await using world = await openWorld();
  const { metrics } = await world.loop.metrics.list(365, "run.");
  expect(metrics.map(({ metric, count, mean, trend, parts }) => [metric.name, count, mean, trend, parts])).toEqual(
    ["run.failure", "run.time", "run.tokens", "run.cost"].map((name) => [name, 0, null, null, []]),
  );
  await expect(world.loop.metrics.list(7, "nothing")).rejects.toMatchObject({ code: "bad_input" });
});
