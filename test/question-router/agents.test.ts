import { expect, test } from "vitest";
import type { Principal } from "../../src/foundation/principal.ts";
import { Registry } from "../../src/question-router/agents/registry.ts";
import { OfferRows } from "../../src/question-router/agents/rows.ts";
import type { AgentWorkTables } from "../../src/question-router/agents/tables.ts";
import { scenario } from "../helpers/scenario.ts";
import { agent, type Harness, never, person, startRouter } from "./harness.ts";
import { ManualClock } from "./manual-clock.ts";

const TANDEM = "Who repairs the brakes of the blue tandem?";
const WHEELS = "Who trues the wheels of the red racer?";
const bikes: Principal = { kind: "agent", name: "bikes" };
const yard: Principal = { kind: "agent", name: "yard" };
const cellar: Principal = { kind: "agent", name: "cellar" };
const topics = { capabilities: ["tandem brakes", "racer wheels"] };

async function agentsOf(shop: Harness, questionId: string) {
  const { agents } = await shop.router.get(questionId);
  return agents.map(({ agent: name, state, reason }) => `${name} ${state}: ${reason ?? ""}`);
}

async function offered(shop: Harness, principal: Principal): Promise<string[]> {
  return (await shop.router.agents.heartbeat(principal, {})).map(({ questionId }) => questionId);
}

const told = (shop: Harness, name: Parameters<Harness["events"]["on"]>[0]) =>
  new Promise<void>((resolve) => shop.events.on(name, () => resolve()));

scenario("agents", "A capable agent answers", async () => {
  await using shop = await startRouter();
  await shop.router.agents.register(bikes, topics);
  await shop.router.agents.register(yard, { capabilities: ["payment refunds"] });
  const waiting = shop.router.agents.heartbeat(bikes, { waitMs: 20_000 });
  const asking = shop.router.ask({ text: TANDEM, waitMs: 20_000 }, agent, never);
  const [offer] = await waiting;
  expect(offer).toMatchObject({ text: TANDEM, kind: "fact" });
  expect(await offered(shop, yard)).toEqual([]);
  const { questionId } = offer!;
  await shop.router.answer({ questionId, text: "The yard.", principal: bikes });
  expect(await asking).toMatchObject({ status: "answered", questionId, answer: { by: "agent:bikes", route: "agent" } });
  await expect.poll(() => agentsOf(shop, questionId)).toEqual(["agent:bikes answered: answered"]);
  await expect
    .poll(async () => (await shop.router.get(questionId)).hops.map((hop) => `${hop.responder} ${hop.outcome}`))
    .toEqual(["cache declined", "documents declined", "similar declined", "agent answered"]);
  const [asked] = (await shop.router.get(questionId)).agents;
  expect(asked?.why).toMatch(/^score \d\.\d\d: match 1\.00 \(2 of 2 words of "tandem brakes"\), quality 0\.75/);
  expect(shop.told.filter((name) => name === "question.answered")).toHaveLength(1);
});

scenario("agents", "An agent is silent", async () => {
  const clock = new ManualClock();
  await using shop = await startRouter({ clock, overrides: { agents: { leaseMs: 60_000 } } });
  await shop.router.agents.register(bikes, topics);
  const { questionId } = await shop.router.ask({ text: TANDEM, waitMs: 0 }, agent, never);
  await expect.poll(() => offered(shop, bikes)).toEqual([questionId]);
  await shop.router.agents.register(yard, topics);
  expect(await offered(shop, yard)).toEqual([]);
  const returned = told(shop, "question.returned");
  clock.advance(61_000);
  await returned;
  await expect.poll(() => offered(shop, yard)).toEqual([questionId]);
  expect(await offered(shop, bikes)).toEqual([]);
  // Late, and still the first answer.
  await shop.router.answer({ questionId, text: "The cellar.", principal: bikes });
  await expect(shop.router.answer({ questionId, text: "The yard.", principal: yard })).rejects.toMatchObject({
    code: "already_answered",
  });
  await expect
    .poll(() => agentsOf(shop, questionId))
    .toEqual(["agent:bikes returned: no answer within 60 s", "agent:yard withdrawn: agent:bikes answered it"]);
});

scenario("agents", "An agent goes away", async () => {
  await using shop = await startRouter();
  await shop.router.agents.register(bikes, topics);
  const { questionId } = await shop.router.ask({ text: TANDEM, waitMs: 0 }, agent, never);
  await expect.poll(() => offered(shop, bikes)).toEqual([questionId]);
  await shop.router.agents.register(yard, topics);
  shop.events.emit("client.left", { principal: bikes });
  await expect.poll(() => offered(shop, yard)).toEqual([questionId]);
  expect(shop.router.agents.workers().map(({ agent: name, presence }) => `${name} ${presence}`)).toEqual([
    "agent:bikes gone",
    "agent:yard present",
  ]);
});

scenario("agents", "An agent gives a question back", async () => {
  await using shop = await startRouter();
  await shop.router.agents.register(bikes, topics);
  const { questionId } = await shop.router.ask({ text: TANDEM, waitMs: 0 }, agent, never);
  await expect.poll(() => offered(shop, bikes)).toEqual([questionId]);
  await shop.router.agents.register(yard, topics);
  await expect(shop.router.agents.decline(yard, questionId, "not mine")).rejects.toMatchObject({
    code: "unknown_question",
  });
  await shop.router.agents.decline(bikes, questionId, "I know no brakes.");
  expect(await offered(shop, yard)).toEqual([questionId]);
  await shop.router.agents.decline(yard, questionId, "Nor do I.");
  await expect
    .poll(async () => (await shop.router.get(questionId)).hops.at(-1))
    .toMatchObject({ responder: "agent", outcome: "declined" });
  expect(await shop.router.get(questionId)).toMatchObject({ status: "pending" });
});

scenario("agents", "The daemon is restarted while an agent works", async () => {
  const first = await startRouter();
  await first.router.agents.register(bikes, topics);
  const { questionId } = await first.router.ask({ text: TANDEM, waitMs: 0 }, agent, never);
  await expect.poll(() => offered(first, bikes)).toEqual([questionId]);
  await using shop = await first.restart();
  expect(await offered(shop, bikes)).toEqual([questionId]);
  await shop.router.agents.register(yard, topics);
  expect(await offered(shop, yard)).toEqual([]);
  await shop.router.answer({ questionId, text: "The yard.", principal: bikes });
  await expect.poll(() => agentsOf(shop, questionId)).toEqual(["agent:bikes answered: answered"]);
});

test("a lease that ran out while the daemon was down goes to the next agent, and is asked of nobody twice", async () => {
  const clock = new ManualClock();
  const first = await startRouter({ clock, overrides: { agents: { leaseMs: 60_000, silentMs: 600_000 } } });
  await first.router.agents.register(bikes, topics);
  const { questionId } = await first.router.ask({ text: TANDEM, waitMs: 0 }, agent, never);
  await expect.poll(() => offered(first, bikes)).toEqual([questionId]);
  await first.router.agents.register(yard, topics);
  clock.advance(61_000);
  await using shop = await first.restart();
  clock.advance(2000);
  await expect.poll(() => offered(shop, yard)).toEqual([questionId]);
  expect(await offered(shop, bikes)).toEqual([]);
});

scenario("agents", "Nobody is there, and then somebody registers", async () => {
  await using shop = await startRouter();
  const { questionId } = await shop.router.ask({ text: TANDEM }, agent, never);
  const { hops } = await shop.router.get(questionId);
  expect(hops.at(-1)).toMatchObject({ responder: "agent", reason: "no agent is registered and present" });
  const { offers } = await shop.router.agents.register(bikes, topics);
  expect(offers).toMatchObject([{ questionId }]);
});

test("an agent has at most as many as it takes, and gets the next one when it is done", async () => {
  await using shop = await startRouter();
  await shop.router.agents.register(bikes, { ...topics, maxLoad: 1 });
  const one = await shop.router.ask({ text: TANDEM, waitMs: 0 }, agent, never);
  const two = await shop.router.ask({ text: WHEELS, waitMs: 0 }, agent, never);
  await expect
    .poll(async () => (await shop.router.get(two.questionId)).hops.at(-1)?.reason)
    .toBe("agents that fit are busy: 1");
  await expect.poll(() => offered(shop, bikes)).toEqual([one.questionId]);
  await shop.router.answer({ questionId: one.questionId, text: "The yard.", principal: bikes });
  await expect.poll(() => offered(shop, bikes)).toEqual([two.questionId]);
});

test("nobody is asked their own question, and authority is never offered", async () => {
  await using shop = await startRouter();
  await shop.router.agents.register(bikes, { capabilities: ["*"] });
  await shop.router.ask({ text: TANDEM, waitMs: 0 }, bikes, never);
  await shop.router.ask({ text: "May I repair the brakes of the blue tandem?", kind: "authority" }, agent, never);
  expect(await offered(shop, bikes)).toEqual([]);
});

scenario("agents", "Two of three agents agree", async () => {
  await using shop = await startRouter();
  for (const principal of [bikes, yard, cellar]) await shop.router.agents.register(principal, topics);
  const { questionId } = await shop.router.ask({ text: TANDEM, quorum: 3, waitMs: 0 }, agent, never);
  for (const principal of [bikes, yard, cellar])
    await expect.poll(() => offered(shop, principal)).toEqual([questionId]);
  const say = (principal: Principal, text: string) => shop.router.agents.receive({ questionId, text, principal });
  expect(await say(bikes, "The yard.")).toMatchObject({ outcome: "open", voices: 1, quorum: 3 });
  expect(await say(bikes, "The yard.")).toMatchObject({ outcome: "open", voices: 1 });
  await expect(say(bikes, "The moon.")).rejects.toMatchObject({ code: "already_answered" });
  await expect(say(agent, "The yard.")).rejects.toMatchObject({ code: "forbidden" });
  await expect(shop.router.answer({ questionId, text: "The yard.", principal: yard })).rejects.toMatchObject({
    code: "forbidden",
  });
  expect(await say(cellar, "the  YARD")).toMatchObject({
    outcome: "agreed",
    answer: { text: "The yard.", by: "agent:bikes, agent:cellar" },
  });
  await expect.poll(() => offered(shop, yard)).toEqual([]);
});

scenario("agents", "Three agents do not agree", async () => {
  await using shop = await startRouter();
  for (const principal of [bikes, yard, cellar]) await shop.router.agents.register(principal, topics);
  const choices = ["the yard", "the cellar", "nobody"];
  const { questionId } = await shop.router.ask({ text: TANDEM, quorum: 3, choices, waitMs: 0 }, agent, never);
  const say = (principal: Principal, text: string) => shop.router.agents.receive({ questionId, text, principal });
  await expect.poll(() => agentsOf(shop, questionId)).toHaveLength(3);
  await expect(say(bikes, "The moon.")).rejects.toMatchObject({ code: "bad_input" });
  await say(bikes, "The Yard!");
  await say(yard, "the cellar");
  expect(await say(cellar, "nobody")).toMatchObject({ outcome: "split", voices: 3 });
  const view = await shop.router.get(questionId);
  expect(view).toMatchObject({ status: "pending" });
  expect(view.agents.map(({ text }) => text).toSorted()).toEqual(choices.toSorted());
  await expect
    .poll(async () => (await shop.router.get(questionId)).hops.at(-1)?.reason)
    .toBe("3 agents do not agree; a person decides");
  await shop.router.answer({ questionId, text: "the cellar", principal: person });
  expect(await shop.router.get(questionId)).toMatchObject({ answer: { by: "person:ada@example.org" } });
});

test("a wrong verdict on an agent's answers gives the question to the other one", async () => {
  await using shop = await startRouter();
  await shop.router.agents.register(bikes, topics);
  for (const text of [TANDEM, WHEELS]) {
    const { questionId } = await shop.router.ask({ text, waitMs: 0 }, agent, never);
    await shop.router.answer({ questionId, text: `The moon, ${text}`, principal: bikes });
    await shop.router.judge({ questionId, verdict: "wrong", principal: person });
  }
  await shop.router.agents.register(yard, topics);
  const { questionId } = await shop.router.ask({ text: "Whose tandem brakes squeak?", waitMs: 0 }, agent, never);
  await expect.poll(() => agentsOf(shop, questionId)).toHaveLength(1);
  expect(await offered(shop, yard)).toEqual([questionId]);
  const [first] = shop.router.agents.workers();
  expect(first).toMatchObject({ agent: "agent:bikes", judged: { useful: 0, wrong: 2 }, quality: 0.5 });
});

test("who is no agent, or has no token where one is needed, is not registered", async () => {
  await using shop = await startRouter({ overrides: { agents: { tokenOnly: true } } });
  await expect(shop.router.agents.register(person, topics)).rejects.toMatchObject({ code: "forbidden" });
  await expect(shop.router.agents.register(bikes, topics)).rejects.toMatchObject({ code: "forbidden" });
  await expect(shop.router.agents.heartbeat(bikes, {})).rejects.toMatchObject({ code: "no_agent" });
});

scenario("agents", "A workflow gives work to an agent", async () => {
  const first = await startRouter();
  const schema = { type: "object", properties: { ok: { type: "boolean" } }, required: ["ok"] };
  const request = {
    capabilities: ["Review"],
    text: "Look at it.",
    schema,
    key: "run-1/node",
    deadline: Date.now() + 60_000,
  };
  await expect(first.router.agents.work.request(request, never)).rejects.toMatchObject({ code: "no_agent" });
  await first.router.agents.register(bikes, { capabilities: ["review"] });
  first.router.agents.work.request(request, never).catch(() => {});
  await expect.poll(() => offered(first, bikes)).toHaveLength(1);
  const [id] = await offered(first, bikes);
  await using shop = await first.restart();
  const again = shop.router.agents.work.request(request, never);
  expect(await offered(shop, bikes)).toEqual([id]);
  const hand = (text: string, principal = bikes) => shop.router.agents.receive({ questionId: id!, text, principal });
  await expect(hand("fine")).rejects.toMatchObject({ code: "bad_input" });
  await expect(hand('{"ok":1}')).rejects.toMatchObject({ code: "bad_input" });
  await expect(hand('{"ok":true}', yard)).rejects.toMatchObject({ code: "forbidden" });
  expect(await hand('{"ok":true}')).toMatchObject({ outcome: "done" });
  expect(await again).toEqual({ text: '{"ok":true}', by: "agent:bikes" });
  expect(await shop.router.agents.work.request(request, never)).toMatchObject({ by: "agent:bikes" });
});

test("work that nobody answers ends at its deadline", async () => {
  await using shop = await startRouter();
  await shop.router.agents.register(bikes, { capabilities: ["review"] });
  const deadline = Date.now() + 300;
  const request = { capabilities: ["review"], text: "Look.", key: "k", deadline };
  await expect(shop.router.agents.work.request(request, never)).rejects.toMatchObject({ code: "agent_silent" });
  expect(await offered(shop, bikes)).toEqual([]);
});

test("clients that name themselves take no place from an agent with a token, however many there are", async () => {
  await using shop = await startRouter();
  const rows = new OfferRows(shop.core.as<AgentWorkTables>());
  const { events, options } = shop;
  const hasToken = (name: string) => name === "nightly";
  const registry = new Registry({ rows, events, options, clock: new ManualClock(), hasToken });
  const capabilities = ["*"];
  const named = (name: string): Principal => ({ kind: "agent", name });
  await Promise.all(Array.from({ length: 1000 }, (_, at) => registry.register(named(`flood-${at}`), { capabilities })));
  await expect(registry.register(named("late"), { capabilities })).rejects.toMatchObject({ code: "too_many_clients" });
  expect(await registry.register(named("nightly"), { capabilities })).toMatchObject({ presence: "present" });
  expect(registry.all()).toHaveLength(1000);
  expect(await rows.workers()).toHaveLength(1000);
  const long = Array.from({ length: 50 }, (_, at) => `${at}`.padEnd(200, " word"));
  await expect(registry.register(named("nightly"), { capabilities: long })).rejects.toMatchObject({
    code: "bad_input",
  });
});
