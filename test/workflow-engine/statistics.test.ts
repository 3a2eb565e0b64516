import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { amountOf, bucketOf, quantileOf } from "../../src/workflow-engine/statistics/histogram.ts";
import { shareOf } from "../../src/workflow-engine/statistics/interval.ts";
import { rangeOf } from "../../src/workflow-engine/forecast/spread.ts";
import { scenario } from "../helpers/scenario.ts";
import { openBooks } from "./books.ts";
import { ADA, begin, type House, openHouse, until } from "./engine/house.ts";
import { node, plan, value } from "./engine/plans.ts";

const ended = async (house: House, id: string) => house.engine.waitFor(id, 20_000);
const RETRY = { max: 2, delayMs: 1, factor: 1, maxDelayMs: 5, jitter: 0, on: ["overload" as const] };

scenario("workflows", "How runs went", async () => {
  await using house = await openHouse();
  await using books = await openBooks(house);
  const good = plan("flow", [
    node("first", "effect", { config: { failures: 1, kind: "overload", ms: 20 }, retry: RETRY }),
    node("second", "effect", { needs: ["first"], config: { tokens: 10, usd: 0.5 } }),
    value("third", "1", { needs: ["second"], when: "false" }),
  ]);
  const bad = plan("flow", [node("second", "effect", { config: { failures: 99, kind: "refused" } })]);
  for (const shape of [good, good, bad]) await ended(house, await begin(house, shape));
  const cancelled = await begin(house, plan("flow", [node("ask", "approval", { config: { prompt: "?" } })]));
  await ended(house, cancelled);
  await house.engine.cancel(cancelled, ADA);
  const { runs, nodes, versions, days } = await books.statistics.of("flow", 30);
  expect(runs).toMatchObject({ count: 4, succeeded: 2, failed: 1, cancelled: 1, failures: { refused: 1 } });
  expect(runs.success).toEqual(shareOf(2, 3));
  expect(runs.ms!.min).toBeGreaterThanOrEqual(0);
  expect(runs.ms!.p95).toBeGreaterThanOrEqual(runs.ms!.min);
  expect(runs.cost).toEqual({ usd: 1, unpriced: 0, tokensIn: 20, tokensOut: 0 });
  const named = (key: string) => nodes.find((row) => row.node === key);
  // It fails at its first attempt of all runs, and is tried again there.
  expect(named("first")).toMatchObject({ type: "effect", succeeded: 2, failed: 0, retries: 1 });
  expect(named("first")!.ms!.min).toBeGreaterThan(15);
  expect(named("second")).toMatchObject({ succeeded: 2, failed: 1, failures: { refused: 1 } });
  expect(named("third")).toMatchObject({ skipped: 2, count: 0, success: null, ms: null });
  expect(versions.map(({ hash, count }) => [hash, count])).toEqual(
    expect.arrayContaining([
      [good.hash, 2],
      [bad.hash, 1],
    ]),
  );
  expect(days).toMatchObject([{ count: 4, succeeded: 2, failed: 1, cancelled: 1 }]);
});

scenario("workflows", "A run that was resumed is counted from its end on", async () => {
  await using house = await openHouse();
  await using books = await openBooks(house);
  const shape = plan("again", [
    node("one", "effect", { config: { tokens: 10, usd: 1 } }),
    node("two", "effect", { needs: ["one"], config: { tokens: 5, usd: 0.5, failures: 1, kind: "refused" } }),
  ]);
  const { id, state } = await ended(house, await begin(house, shape));
  expect(state).toBe("failed");
  expect((await books.statistics.of("again", 1)).runs).toMatchObject({ count: 1, failed: 1, cost: { usd: 1.5 } });
  await house.engine.resume(id, ADA);
  expect((await ended(house, id)).state).toBe("succeeded");
  const { runs, nodes } = await books.statistics.of("again", 1);
  expect(runs).toMatchObject({ count: 2, succeeded: 1, failed: 1, cost: { usd: 2, tokensIn: 20 } });
  expect(nodes).toMatchObject([
    { node: "one", count: 1, cost: { usd: 1 } },
    { node: "two", count: 2, succeeded: 1, failed: 1, cost: { usd: 1, tokensIn: 10 } },
  ]);
});

scenario("workflows", "A run that ended as the process did", async () => {
  const directory = mkdtempSync(join(tmpdir(), "specloop-statistics-"));
  const shape = plan("late", [value("a", "1")]);
  try {
    {
      // Nobody counts here, as in a process that ends at once.
      await using house = await openHouse({ directory });
      for (let turn = 0; turn < 3; turn++) await ended(house, await begin(house, shape));
    }
    for (let start = 0; start < 2; start++) {
      await using house = await openHouse({ directory });
      await using books = await openBooks(house);
      expect((await books.statistics.of("late", 1)).runs.count).toBe(3);
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

test("items of a map are one node", async () => {
  await using house = await openHouse();
  await using books = await openBooks(house);
  const body = { as: "n", nodes: [node("x", "effect", { config: { tokens: 1, usd: 0.01 } })] };
  const wide = plan("wide", [node("m", "map", { body, config: { over: "inputs.list", concurrency: 5 } })]);
  await ended(house, await begin(house, wide, { input: { list: Array.from({ length: 40 }, (_, index) => index) } }));
  const { nodes } = await books.statistics.of("wide", 1);
  expect(nodes.map(({ node: key, succeeded }) => [key, succeeded])).toEqual([
    ["m", 1],
    ["m[]/x", 40],
  ]);
});

scenario("workflows", "Nothing is known of it", async () => {
  await using house = await openHouse();
  const shape = plan("new", [
    node("write", "llm", { config: { prompt: "?" } }),
    node("ask", "approval", { needs: ["write"], config: { prompt: "Send it?" } }),
  ]);
  await using books = await openBooks(house, { plans: [shape] });
  const { forecast } = await books.forecast({ name: "new" }, ADA);
  expect(forecast).toMatchObject({ basis: "none", runs: 0, ms: null, tokens: null, usd: null, cheaper: [] });
  expect(forecast.approvals).toEqual([{ node: "ask", what: "Send it?" }]);
  expect(forecast.warnings).toEqual(["Nothing is known yet of what write will use."]);
  await expect(books.forecast({ name: "nobody" }, ADA)).rejects.toMatchObject({ code: "unknown_workflow" });
});

scenario("workflows", "From few runs and from many", async () => {
  const shape = plan("known", [node("a", "effect", { config: { tokens: 1000, usd: 2 } })]);
  await using house = await openHouse();
  await using books = await openBooks(house, { plans: [shape] });
  const forecast = async () => (await books.forecast({ name: "known" }, ADA)).forecast;
  await ended(house, await begin(house, shape));
  const one = await forecast();
  expect(one).toMatchObject({ basis: "definition", runs: 1 });
  expect(one.usd!.p50).toBeCloseTo(2, 0);
  // One run shows no spread, so the upper end is far above it.
  expect(one.usd!.p90).toBeGreaterThan(4);
  for (let turn = 0; turn < 24; turn++) await ended(house, await begin(house, shape));
  const many = await forecast();
  expect(many.runs).toBe(25);
  expect(many.usd!.p90).toBeLessThan(2.2);
  expect(many.tokens!.p90).toBeLessThan(1100);
});

scenario("workflows", "More than its budget", async () => {
  const shape = plan("dear", [node("a", "effect", { config: { tokens: 1000, usd: 2 } })]);
  const budget = { usd: 1 };
  const prices = { models: { small: { input: 100, output: 100 }, huge: { input: 9000, output: 9000 } } };
  const budgets = { day: { usd: 2.5 } };
  await using house = await openHouse();
  await using books = await openBooks(house, { plans: [shape], prices, budgets });
  await ended(house, await begin(house, shape));
  const { forecast } = await books.forecast({ name: "dear", budget }, ADA);
  expect(forecast.warnings[0]).toMatch(/^It will probably use \$[12]\.\d\d, more than its budget of \$1\.00/);
  expect(forecast.warnings[1]).toMatch(/^Only \$0\.50 are left of the \$2\.50 for all runs in the day /);
  expect(forecast.cheaper.map(({ model }) => model)).toEqual(["small"]);
  expect(forecast.cheaper[0]!.usd.p50).toBeCloseTo(0.1, 1);
});

test("a forecast of what was never priced is unknown, and says of which model", async () => {
  const shape = plan("odd", [node("a", "effect", { config: { tokens: 1000, usd: null } })]);
  await using house = await openHouse();
  await using books = await openBooks(house, { plans: [shape] });
  await ended(house, await begin(house, shape));
  const { forecast } = await books.forecast({ name: "odd" }, ADA);
  expect(forecast.usd).toBe(null);
  expect(forecast.tokens!.p50).toBeGreaterThan(900);
  expect(forecast.warnings).toContain("The price of test is unknown: write it under prices.models.");
});

test("quantiles of histograms are within a twentieth", () => {
  for (const values of [[1, 2, 3, 1000], Array.from({ length: 500 }, (_, index) => (index + 1) ** 2), [0, 0, 0.0004]]) {
    const histogram = new Map<number, number>();
    for (const amount of values) histogram.set(bucketOf(amount), (histogram.get(bucketOf(amount)) ?? 0) + 1);
    for (const share of [0.01, 0.5, 0.9, 0.95, 1]) {
      const exact = values.toSorted((a, b) => a - b)[Math.max(0, Math.ceil(values.length * share) - 1)]!;
      expect(Math.abs(quantileOf(histogram, share)! - exact)).toBeLessThanOrEqual(exact * 0.0489);
    }
  }
  expect(quantileOf(new Map(), 0.5)).toBe(null);
  expect(rangeOf(new Map())).toBe(null);
  expect(amountOf(bucketOf(0))).toBe(0);
});

test("the interval of a share is Wilson's", () => {
  expect(shareOf(8, 10)).toMatchObject({ share: 0.8, low: expect.closeTo(0.4902, 3), high: expect.closeTo(0.9433, 3) });
  expect(shareOf(0, 5)).toMatchObject({ share: 0, low: expect.closeTo(0, 9), high: expect.closeTo(0.4345, 3) });
  expect(shareOf(0, 0)).toBe(null);
});

test("statistics wait for what has just ended", async () => {
  await using house = await openHouse();
  await using books = await openBooks(house);
  const shape = plan("quick", [value("a", "1")]);
  const ids = await Promise.all(Array.from({ length: 60 }, () => begin(house, shape)));
  await until(async () => (await house.engine.list({ limit: 100, state: "succeeded" })).length === 60, "all ends");
  expect((await books.statistics.overview(1)).runs.count).toBe(ids.length);
});
