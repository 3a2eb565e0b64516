import { expect, test } from "vitest";
import { silentLogger } from "../../src/foundation/logger.ts";
import { systemClock } from "../../src/foundation/clock.ts";
import { options as fragment } from "../../src/question-router/index.ts";
import { Ladder } from "../../src/question-router/ladder.ts";
import { Pace } from "../../src/question-router/pace.ts";
import type { Responders } from "../../src/question-router/responders/index.ts";
import type { Response } from "../../src/question-router/responders/responder.ts";
import type { Hop, ResponderName } from "../../src/question-router/types.ts";
import { scenario } from "../helpers/scenario.ts";
import { agent, never, person, startRouter } from "./harness.ts";
import { ManualClock } from "./manual-clock.ts";
import { modelAnswer, passageNumber, ScriptedLlm } from "./scripted-llm.ts";

const OPEN = "Who repairs the brakes of the blue tandem?";
const query = { text: OPEN, kind: "fact" as const, change: null };
const said = (text: string, confidence = 0.9): Response => ({ outcome: "answered", text, citations: [], confidence });
const no: Response = { outcome: "declined", reason: "no" };

type Respond = (signal: AbortSignal) => Promise<Response>;

/** A ladder of responders that answer as they are told, with what it recorded. */
function ladderOf(
  given: Partial<Record<ResponderName, Respond>>,
  overrides: Record<string, unknown> = {},
  pace = new Pace(),
) {
  const responder = (name: ResponderName) => {
    const respond = given[name];
    return respond
      ? { name, slow: name !== "documents", respond: (_: unknown, signal: AbortSignal) => respond(signal) }
      : null;
  };
  const responders: Responders = {
    documents: responder("documents"),
    similar: null,
    tool: responder("tool"),
    agent: responder("agent"),
    model: responder("model"),
  };
  const hops: Hop[] = [];
  const options = { current: fragment.schema.parse(overrides) };
  const ladder = new Ladder({ responders, options, pace, clock: systemClock, logger: silentLogger });
  const climb = (more: { budget?: { usd?: number; tokens?: number } } = {}, signal = never) =>
    ladder.climb(
      { query, rejected: new Set(), beforeSlow: async () => {}, onHop: (hop) => hops.push(hop), ...more },
      signal,
    );
  return { climb, hops, pace, names: () => hops.map(({ responder: name, outcome }) => `${name} ${outcome}`) };
}

/** Works until it is told to stop. */
function endless(stopped: string[], name: string): Respond {
  return (signal) =>
    new Promise((_, reject) => {
      signal.addEventListener("abort", () => {
        stopped.push(name);
        reject(signal.reason as Error);
      });
    });
}

scenario("questions", "A slow responder gets company", async () => {
  const stopped: string[] = [];
  const { climb, names, hops } = ladderOf(
    { tool: endless(stopped, "tool"), model: async () => said("The yard.") },
    { hedging: { toolMs: 20 } },
  );
  expect(await climb()).toMatchObject({ text: "The yard.", route: "model" });
  expect(names()).toEqual(["model answered", "tool cancelled"]);
  expect(hops[1]?.reason).toBe("another one answered first");
  expect(stopped).toEqual(["tool"]);
});

test("a slow responder has its time when company is switched off, or when it is the last", async () => {
  const asked: string[] = [];
  const slowly: Respond = async () => {
    await systemClock.sleep(60);
    return said("Late.");
  };
  const model: Respond = async () => {
    asked.push("model");
    return said("Early.");
  };
  const off = ladderOf({ tool: slowly, model }, { hedging: { enabled: false, toolMs: 5 } });
  expect(await off.climb()).toMatchObject({ text: "Late.", route: "tool" });
  expect(asked).toEqual([]);
  const last = ladderOf({ documents: async () => no, model: slowly }, { hedging: { modelMs: 5 } });
  expect(await last.climb()).toMatchObject({ text: "Late." });
});

test("how long a responder has for itself is its p95, once it is known", () => {
  const pace = new Pace();
  expect(pace.patience("tool", 3000)).toBe(3000);
  for (let run = 1; run <= 100; run += 1) pace.learn({ responder: "tool", outcome: "answered", ms: run * 10 });
  expect(pace.patience("tool", 3000)).toBe(950);
  pace.learn({ responder: "tool", outcome: "cancelled", ms: 90_000 });
  expect(pace.patience("tool", 3000)).toBe(950);
});

scenario("questions", "A budget is too small for the model", async () => {
  const { climb, hops } = ladderOf({ documents: async () => no, model: async () => said("Never.") });
  expect(await climb({ budget: { tokens: 1000 } })).toBeNull();
  expect(hops.at(-1)).toMatchObject({ responder: "model", outcome: "skipped" });
  expect(hops.at(-1)?.reason).toBe("it takes about 4000 tokens, and 1000 of 1000 are left");
  expect(await climb({ budget: { usd: 1 } })).toBeNull();
  expect(hops.at(-1)?.reason).toBe("its price is not known, and 1 USD may be spent");
});

test("what a rung cost is taken from the budget of the next", async () => {
  const cost = { tokensIn: 900, tokensOut: 50, usd: 0.02 };
  const pace = new Pace();
  pace.learn({ responder: "model", outcome: "answered", ms: 10, cost: { tokensIn: 100, tokensOut: 10, usd: 0.01 } });
  const rungs = {
    tool: async (): Promise<Response> => ({ outcome: "declined", reason: "no", cost }),
    model: async () => said("Yes."),
  };
  const poor = ladderOf(rungs, {}, pace);
  expect(await poor.climb({ budget: { tokens: 1000 } })).toBeNull();
  expect(poor.hops.at(-1)?.reason).toBe("it takes about 110 tokens, and 50 of 1000 are left");
  const rich = ladderOf(rungs, {}, pace);
  expect(await rich.climb({ budget: { tokens: 2000, usd: 0.03 } })).toMatchObject({ text: "Yes." });
  const broke = ladderOf(rungs, {}, pace);
  expect(await broke.climb({ budget: { usd: 0.025 } })).toBeNull();
});

test("an unsure answer is held while others are asked; the surest counts", async () => {
  const rungs = {
    documents: async () => said("Perhaps.", 0.6),
    tool: async () => said("Hardly.", 0.4),
    model: async () => no,
  };
  const { climb, names } = ladderOf(rungs, { holdBelow: 0.8 });
  expect(await climb()).toMatchObject({ text: "Perhaps.", route: "documents" });
  expect(names()).toEqual(["documents held", "tool held", "model declined"]);
  expect(await ladderOf(rungs).climb()).toMatchObject({ text: "Perhaps." });
});

test("a responder that fails is a failed rung, and one that ignores its signal holds nobody", async () => {
  const deaf: Respond = () => new Promise(() => {});
  const { climb, names } = ladderOf({ documents: () => Promise.reject(new Error("broken")), tool: deaf }, {});
  const stop = new AbortController();
  const climbing = climb({}, stop.signal);
  setTimeout(() => stop.abort(new Error("gone")), 20);
  await expect(climbing).rejects.toThrow("gone");
  expect(names()).toEqual(["documents failed", "tool cancelled"]);
});

scenario("questions", "Somebody answers while the model is still at work", async () => {
  const stopped: string[] = [];
  const llm = new ScriptedLlm((_, signal) => endless(stopped, "model")(signal!) as never);
  await using shop = await startRouter({ llm });
  const text = "Which hour do tandem mechanics expect the nightly backup?";
  const asking = shop.router.ask({ text, waitMs: 20_000 }, agent, never);
  await expect.poll(() => llm.requests.length).toBe(1);
  const { questions } = await shop.router.list({ status: "pending" });
  const { questionId } = questions[0]!;
  await shop.router.answer({ questionId, text: "Each night.", principal: person });
  expect(await asking).toMatchObject({ status: "answered", answer: { text: "Each night." } });
  await expect.poll(() => stopped).toEqual(["model"]);
  await expect
    .poll(async () => (await shop.router.get(questionId)).hops.at(-1))
    .toMatchObject({ responder: "model", outcome: "cancelled", reason: "answered by person:ada@example.org" });
});

scenario("questions", "The deadline of a question passes", async () => {
  const clock = new ManualClock();
  await using shop = await startRouter({ clock });
  const { questionId } = await shop.router.ask({ text: OPEN, deadlineMs: 5000, waitMs: 0 }, agent, never);
  const waiting = shop.router.get(questionId, { waitMs: 25_000 });
  const expired = new Promise((resolve) => shop.events.on("question.expired", resolve));
  await new Promise((resolve) => setTimeout(resolve, 20));
  clock.advance(5001);
  expect(await expired).toEqual({ questionId });
  expect(await waiting).toMatchObject({ status: "expired" });
});

scenario("questions", "The route of a question is explained after a restart", async () => {
  const quote = "The nightly backup runs at 03:15";
  const llm = new ScriptedLlm((request) =>
    Promise.resolve(modelAnswer("At night.", [{ passage: passageNumber(request, "docs/operations.md"), text: quote }])),
  );
  const first = await startRouter({ llm });
  const text = "Which hour do tandem mechanics expect the nightly backup?";
  const { questionId } = await first.router.ask({ text, waitMs: 20_000 }, agent, never);
  await using shop = await first.restart();
  const { hops } = await shop.router.get(questionId);
  expect(hops.map(({ responder, outcome }) => `${responder} ${outcome}`)).toEqual([
    "cache declined",
    "documents declined",
    "similar declined",
    "agent declined",
    "model answered",
  ]);
  for (const { at, reason } of hops) expect([typeof at, reason.length > 0]).toEqual(["number", true]);
});

scenario("questions", "A policy would open permission to agents", async () => {
  const bad = fragment.schema.safeParse({ policy: { authority: { ladder: ["documents", "model"] } } });
  expect(bad.error?.issues[0]?.path).toEqual(["policy", "authority", "ladder"]);
  expect(bad.error?.issues[0]?.message).toContain("holds model: what somebody may do is said by documents and people");
  const worse = fragment.schema.safeParse({ policy: { authority: { answerers: ["person", "agent"] } } });
  expect(worse.error?.issues[0]?.message).toContain("holds agent");
  expect(fragment.schema.safeParse({ policy: { authority: { ladder: [] } } }).success).toBe(true);
});

test("a deadline in a year, longer than any timer, ends no climb", async () => {
  await using shop = await startRouter();
  const asked = await shop.router.ask({ text: OPEN, deadlineMs: 31_536_000_000 }, agent, never);
  expect(asked.status).toBe("pending");
  const { hops } = await shop.router.get(asked.questionId);
  expect(hops.map(({ reason }) => reason)).not.toContain("its time was up");
  expect(hops.at(-1)?.responder).toBe("agent");
});

test("a policy in specloop.yaml says who is asked and who may answer", async () => {
  const overrides = { policy: { fact: { ladder: [], answerers: ["person"], deadlineMs: 60_000 } } };
  await using shop = await startRouter({ overrides });
  const asked = await shop.router.ask({ text: "Within how many days is a returned bicycle refunded?" }, agent, never);
  expect(asked.status).toBe("pending");
  const { questionId } = asked;
  const { askedAt, expiresAt, hops } = await shop.router.get(questionId);
  expect([expiresAt - askedAt, hops.map(({ responder }) => responder)]).toEqual([60_000, ["cache"]]);
  await expect(shop.router.answer({ questionId, text: "14.", principal: agent })).rejects.toMatchObject({
    code: "forbidden",
  });
  expect((await shop.router.list({ for: "agent", status: "pending" })).total).toBe(0);
});

scenario("questions", "Too many questions wait", async () => {
  await using shop = await startRouter({ overrides: { maxPending: 2 } });
  const ask = (turn: number) => shop.router.ask({ text: `Who repairs tandem number ${turn}?` }, agent, never);
  const first = await ask(1);
  await ask(2);
  await expect(ask(3)).rejects.toMatchObject({ code: "too_many_questions" });
  // What is known is answered all the same.
  const text = "Within how many days is a returned bicycle refunded?";
  expect(await shop.router.ask({ text }, agent, never)).toMatchObject({ status: "answered" });
  expect(await shop.router.ask({ text }, agent, never)).toMatchObject({ cached: true });
  await shop.router.answer({ questionId: first.questionId, text: "The yard.", principal: person });
  expect(await ask(3)).toMatchObject({ status: "pending" });
});

test("more climbs at a time than maxFlights are refused, and joining one is not", async () => {
  await using shop = await startRouter({ overrides: { maxFlights: 1 } });
  const ask = (text: string) => shop.router.ask({ text }, agent, never);
  const [one, same, other] = await Promise.allSettled([ask(OPEN), ask(OPEN), ask("Who repairs the red racer?")]);
  expect([one.status, same.status]).toEqual(["fulfilled", "fulfilled"]);
  expect(other).toMatchObject({ status: "rejected", reason: { code: "too_many_questions" } });
});

test.each([
  [{ deadlineMs: 5 }, "deadlineMs"],
  [{ quorum: 9 }, "quorum"],
  [{ quorum: 2.5 }, "quorum"],
  [{ choices: ["a"] }, "choices"],
  [{ choices: ["Yes", "yes."] }, "choices"],
  [{ budget: { usd: -1 } }, "budget.usd"],
  [{ quorum: 2, kind: "authority" as const }, "quorum"],
])("terms that make no sense are refused: %j", async (terms, target) => {
  await using shop = await startRouter();
  await expect(shop.router.ask({ text: OPEN, ...terms }, agent, never)).rejects.toMatchObject({
    code: "bad_input",
    target,
  });
});
