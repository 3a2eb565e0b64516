import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { EventMap } from "../../src/foundation/events.ts";
import { dayOf } from "../../src/workflow-engine/cost/period.ts";
import { scenario } from "../helpers/scenario.ts";
import { openBooks } from "./books.ts";
import { ADA, AGENT, begin, BOB, type House, openHouse, until } from "./engine/house.ts";
import { node, plan } from "./engine/plans.ts";

const DAY = 86_400_000;
const NOON = Date.UTC(2026, 10, 21, 12);

/** A call that uses this much; what it reserves is the same. */
const call = (key: string, tokens: number, usd: number | null, more: object = {}) =>
  node(key, "effect", { config: { tokens, usd, ...more } });
/** Goes on like the real one, on a day that does not end. */
const ticking = () => NOON + Math.round(performance.now());

/** A dollar for a hundred tokens. */
const price = (_model: string | null, tokens: number) => tokens / 100;

async function ended(house: House, id: string) {
  return house.engine.waitFor(id, 20_000);
}

function heard(house: House): EventMap["budget.reached"][] {
  const all: EventMap["budget.reached"][] = [];
  house.events.on("budget.reached", (event) => void all.push(event));
  return all;
}

scenario("workflows", "What calls cost is in the ledger", async () => {
  await using house = await openHouse({ price });
  await using books = await openBooks(house);
  const write = plan("write", [call("a", 100, 1), call("b", 50, null)]);
  await ended(house, await begin(house, write));
  await ended(house, await begin(house, plan("read", [call("a", 10, 0.1)]), { principal: AGENT }));
  const { spending } = await books.statistics.overview(7);
  expect(spending.total).toEqual({ calls: 3, usd: 1.1, unpriced: 1, tokensIn: 160, tokensOut: 0 });
  expect(spending.byPrincipal).toMatchObject([
    { key: "person:ada@example.org", calls: 2, usd: 1, unpriced: 1 },
    { key: "agent:claude-code", calls: 1, usd: 0.1, unpriced: 0 },
  ]);
  expect(spending.byModel).toMatchObject([{ key: "test", calls: 3 }]);
  expect((await books.statistics.of("write", 7)).spending.total).toMatchObject({ calls: 2, tokensIn: 150 });
});

scenario("workflows", "A run below is counted once", async () => {
  const inner = plan("inner", [call("a", 100, 1)]);
  await using house = await openHouse({ price, plans: [inner] });
  await using books = await openBooks(house);
  const outer = plan("outer", [node("w", "workflow", { config: { use: "inner" } }), call("b", 10, 0.1)]);
  const run = await ended(house, await begin(house, outer));
  await until(async () => (await house.engine.get(run.id)).state === "succeeded", "the end");
  expect((await house.engine.get(run.id)).cost).toMatchObject({ usd: 1.1, tokensIn: 110 });
  const { spending } = await books.statistics.overview(7);
  expect(spending.total).toMatchObject({ calls: 2, usd: 1.1, tokensIn: 110 });
  expect((await books.statistics.of("outer", 7)).spending.total).toMatchObject({ calls: 1, usd: 0.1 });
});

scenario("workflows", "The budget of a day is used up", async () => {
  let now = NOON;
  const budgets = { day: { usd: 2 } };
  const house = await openHouse({ price, budgets, now: () => now });
  await using _house = house;
  const one = plan("one", [call("a", 100, 1)]);
  for (let turn = 0; turn < 2; turn++) expect((await ended(house, await begin(house, one))).state).toBe("succeeded");
  const third = await ended(house, await begin(house, one, { principal: BOB }));
  expect(third).toMatchObject({ state: "paused", reason: "budget: usd of all runs in the day 2026-11-21" });
  expect(house.begun("a")).toBe(2);
  // Nobody can talk it into going on, before the next day.
  await house.engine.resume(third.id, ADA);
  expect((await ended(house, third.id)).state).toBe("paused");
  now += DAY;
  await house.engine.resume(third.id, ADA);
  expect((await ended(house, third.id)).state).toBe("succeeded");
  expect(house.begun("a")).toBe(3);
});

scenario("workflows", "A budget outlives the process", async () => {
  const directory = mkdtempSync(join(tmpdir(), "specloop-cost-"));
  const budgets = { workflows: { one: { month: { tokens: 250 } } } };
  const one = plan("one", [call("a", 100, null)]);
  try {
    for (let turn = 0; turn < 2; turn++) {
      await using house = await openHouse({ directory, budgets, now: () => NOON });
      expect((await ended(house, await begin(house, one))).state).toBe("succeeded");
    }
    await using house = await openHouse({ directory, budgets, now: () => NOON });
    const third = await ended(house, await begin(house, one));
    expect(third.reason).toBe("budget: tokens of workflow one in the month 2026-11");
    const other = plan("other", [call("a", 100, null)]);
    expect((await ended(house, await begin(house, other))).state).toBe("succeeded");
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

scenario("workflows", "Many runs share what is left", async () => {
  const budgets = { eachPrincipal: { day: { usd: 3 } } };
  await using house = await openHouse({ price, budgets, concurrency: 20, now: ticking });
  const one = plan("one", [call("a", 100, 1, { ms: 100 })]);
  const ids = await Promise.all(Array.from({ length: 12 }, () => begin(house, one)));
  await Promise.all(ids.map((id) => ended(house, id)));
  const runs = await house.engine.list({ limit: 50 });
  expect(runs.filter(({ state }) => state === "succeeded")).toHaveLength(3);
  expect(runs.filter(({ state }) => state === "paused")).toHaveLength(9);
  // Another's day has only begun.
  expect((await ended(house, await begin(house, one, { principal: BOB }))).state).toBe("succeeded");
});

scenario("workflows", "Room that others left", async () => {
  await using house = await openHouse({ price, budgets: { day: { usd: 2 } }, now: ticking });
  // Both may use the whole; the first one uses half of it.
  const long = plan("long", [node("a", "effect", { config: { tokens: 200, usd: 1, ms: 300 } })]);
  const first = await begin(house, long);
  await until(() => house.begun("a") === 1, "the first call");
  const second = await begin(house, plan("short", [call("b", 100, 1)]));
  expect((await house.engine.get(second)).state).toBe("running");
  expect((await ended(house, first)).state).toBe("succeeded");
  expect((await ended(house, second)).state).toBe("succeeded");
});

scenario("workflows", "Marks of a budget are told once", async () => {
  const directory = mkdtempSync(join(tmpdir(), "specloop-cost-"));
  const budgets = { day: { usd: 10 } };
  const one = (usd: number) => plan("one", [call("a", usd * 100, usd)]);
  try {
    const told: EventMap["budget.reached"][] = [];
    for (const usd of [4, 2, 3, 1]) {
      await using house = await openHouse({ directory, budgets, price, now: () => NOON });
      const events = heard(house);
      expect((await ended(house, await begin(house, one(usd)))).state).toBe("succeeded");
      told.push(...events);
    }
    const scope = "all runs in the day 2026-11-21";
    expect(told).toEqual([50, 80, 100].map((percent) => ({ scope, limit: "usd", percent, runId: null })));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

test("the marks of a run's own budget are told before it is reached", async () => {
  await using house = await openHouse({ price });
  const events = heard(house);
  const steps = ["a", "b", "c"].map((key, index, keys) =>
    node(key, "effect", { needs: keys.slice(0, index).slice(-1), config: { tokens: 30, usd: 0.3 } }),
  );
  const id = await begin(house, plan("p", steps, { budget: { usd: 1, tokens: null, ms: null } }));
  expect((await ended(house, id)).state).toBe("succeeded");
  expect(events).toEqual([50, 80].map((percent) => ({ scope: "run", limit: "usd", percent, runId: id })));
});

scenario("workflows", "A call of unknown price", async () => {
  const budgets = { day: { usd: 1 } };
  await using house = await openHouse({ budgets, now: () => NOON });
  await using books = await openBooks(house, { budgets, now: () => NOON });
  const one = plan("one", [call("a", 100, null)]);
  expect((await ended(house, await begin(house, one))).cost.usd).toBe(null);
  expect(await books.standings()).toEqual([
    {
      scope: "all runs",
      per: "day",
      period: "2026-11-21",
      unit: "usd",
      limit: 1,
      used: 0,
      reserved: 0,
      unpriced: 1,
    },
  ]);
});

test("a day begins where the time zone says", () => {
  const late = Date.UTC(2026, 10, 21, 23, 30);
  expect(dayOf(late, "UTC")).toBe("2026-11-21");
  expect(dayOf(late, "Europe/Berlin")).toBe("2026-11-22");
  expect(dayOf(Date.UTC(2026, 0, 1, 4), "America/New_York")).toBe("2025-12-31");
});
