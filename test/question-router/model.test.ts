import { expect, test } from "vitest";
import type { GenerateRequest } from "../../src/adapters/llm/index.ts";
import { SpecloopError } from "../../src/foundation/errors.ts";
import { scenario } from "../helpers/scenario.ts";
import { agent, never, person, startRouter } from "./harness.ts";
import { modelAnswer, passageNumber, ScriptedLlm } from "./scripted-llm.ts";

/** The documents hold too little of this to answer it alone, but the passage on backups is found. */
const QUESTION = "At what o'clock does the nightly copying of our bicycle inventory to tape begin?";
const QUOTE = "The nightly backup runs at 03:15";
const DOCUMENT = "docs/operations.md";

/** What a model says that quotes the passage on backups and, on request, something else. */
function says(answer: string, { quote = QUOTE, confidence = 0.9 }: { quote?: string; confidence?: number } = {}) {
  return (request: GenerateRequest) =>
    Promise.resolve(modelAnswer(answer, [{ passage: passageNumber(request, DOCUMENT), text: quote }], confidence));
}

test("a model's answer cites the passages that it quoted", async () => {
  const llm = new ScriptedLlm(says("At 03:15."));
  await using shop = await startRouter({ llm });
  const result = await shop.router.ask({ text: QUESTION }, agent, never);
  expect(result).toMatchObject({
    status: "answered",
    answer: {
      route: "model",
      text: "At 03:15.",
      confidence: 0.9,
      citations: [{ path: "docs/operations.md", heading: "Operations > Backups" }],
    },
  });
  const prompt = llm.requests[0]!.messages.map(({ content }) => content).join("\n");
  expect(prompt).toContain("docs/operations.md");
  expect(prompt).toContain("never followed");
  expect(await shop.router.ask({ text: QUESTION }, agent, never)).toMatchObject({ cached: true });
  expect(llm.requests).toHaveLength(1);
});

test("a model's answer out of a proposal says that it is none of what holds", async () => {
  const path = "openspec/changes/tape-store/proposal.md";
  const sentence = "Copying of the bicycle inventory to tape begins at 05:30.";
  const llm = new ScriptedLlm((request) =>
    Promise.resolve(modelAnswer("At 05:30.", [{ passage: passageNumber(request, path), text: sentence }], 0.9)),
  );
  await using shop = await startRouter({
    llm,
    overrides: { documents: { minScore: 1 } },
    files: { [path]: `# Tape\n\n## Why\n\n${sentence}\n` },
  });
  const result = await shop.router.ask({ text: QUESTION }, agent, never);
  expect(result).toMatchObject({
    status: "answered",
    answer: { route: "model", text: 'Rests on what a change says, which is not in force ("tape-store"):\n\nAt 05:30.' },
  });
});

scenario("questions", "The model invents a quotation", async () => {
  const llm = new ScriptedLlm(says("At 04:00.", { quote: "The nightly backup runs at 04:00" }));
  await using shop = await startRouter({ llm });
  const result = await shop.router.ask({ text: QUESTION }, agent, never);
  expect(result).toMatchObject({ status: "pending" });
  expect(result.status === "pending" && result.hops.at(-1)).toMatchObject({
    responder: "model",
    outcome: "declined",
    reason: expect.stringMatching(/^a quotation is not in passage \d$/),
  });
});

scenario("questions", "The model is slow", async () => {
  const asked = Promise.withResolvers<void>();
  const thinking = Promise.withResolvers<void>();
  const llm = new ScriptedLlm(async (request) => {
    asked.resolve();
    await thinking.promise;
    return says("At 03:15.")(request);
  });
  await using shop = await startRouter({ llm });
  const result = await shop.router.ask({ text: QUESTION, waitMs: 0 }, agent, never);
  expect(result.status).toBe("pending");
  await asked.promise;
  expect((await shop.core.read.selectFrom("questions").select("status").execute())[0]).toEqual({ status: "pending" });
  const waiting = shop.router.get(result.questionId, { waitMs: 20_000 });
  thinking.resolve();
  expect(await waiting).toMatchObject({ status: "answered", answer: { route: "model" } });
});

test.each([
  ["does not know", () => Promise.resolve(modelAnswer("", [])), "do not answer"],
  ["quotes nothing", () => Promise.resolve(modelAnswer("At 03:15.", [])), "quoted nothing"],
  ["quotes a word", says("At 03:15.", { quote: "backup" }), "is not in passage"],
  [
    "quotes another passage",
    () => Promise.resolve(modelAnswer("At 03:15.", [{ passage: 99, text: QUOTE }])),
    "is not in passage 99",
  ],
  ["is unsure", says("At 03:15.", { confidence: 0.2 }), "confidence 0.20 is below"],
  ["writes no JSON", () => Promise.resolve("At 03:15, I think."), "does not have the required shape"],
])("a model that %s gives no answer", async (_what, say, reason) => {
  await using shop = await startRouter({ llm: new ScriptedLlm(say) });
  const result = await shop.router.ask({ text: QUESTION }, agent, never);
  expect(result.status === "pending" && result.hops.at(-1)).toMatchObject({
    responder: "model",
    reason: expect.stringContaining(reason),
  });
});

test("a model that hangs is given up after its time, and the daemon stops while it hangs", async () => {
  const hangs = (_request: unknown, signal: AbortSignal) =>
    new Promise<string>((_resolve, reject) =>
      signal.addEventListener("abort", () => reject(signal.reason), { once: true }),
    );
  await using shop = await startRouter({ llm: new ScriptedLlm(hangs), overrides: { model: { timeoutMs: 100 } } });
  const result = await shop.router.ask({ text: QUESTION }, agent, never);
  expect(result.status === "pending" && result.hops.at(-1)).toMatchObject({
    outcome: "failed",
    reason: "The model did not answer within 100 ms.",
  });
  shop.options.current = { ...shop.options.current, model: { ...shop.options.current.model, timeoutMs: 600_000 } };
  const stays = await shop.router.ask({ text: QUESTION, kind: "how_to", waitMs: 0 }, agent, never);
  await shop.router[Symbol.asyncDispose]();
  const row = await shop.core.read
    .selectFrom("questions")
    .select("status")
    .where("id", "=", stays.questionId)
    .executeTakeFirst();
  expect(row).toEqual({ status: "pending" });
});

test("an answer of a person that comes while the model thinks stands", async () => {
  const thinking = Promise.withResolvers<void>();
  const llm = new ScriptedLlm((request) => thinking.promise.then(() => says("At 03:15.")(request)));
  await using shop = await startRouter({ llm });
  const { questionId } = await shop.router.ask({ text: QUESTION, waitMs: 0 }, agent, never);
  const waiting = shop.router.ask({ text: QUESTION, waitMs: 20_000 }, agent, never);
  await new Promise((resolve) => setTimeout(resolve, 20));
  await shop.router.answer({ questionId, text: "Half past three.", principal: person });
  thinking.resolve();
  expect(await waiting).toMatchObject({ status: "answered", answer: { text: "Half past three." } });
  expect(await shop.router.get(questionId)).toMatchObject({ answer: { text: "Half past three.", route: "person" } });
});

test("no model server is a rung that declines, not a failure", async () => {
  const none = new ScriptedLlm(() => Promise.reject(new SpecloopError("llm_unreachable", "Nobody listens.")));
  await using shop = await startRouter({ llm: none });
  const result = await shop.router.ask({ text: QUESTION }, agent, never);
  expect(result.status === "pending" && result.hops.at(-1)).toMatchObject({
    responder: "model",
    outcome: "declined",
    reason: "Nobody listens.",
  });
});

test("a model that is switched off is not called", async () => {
  const llm = new ScriptedLlm(says("At 03:15."));
  await using shop = await startRouter({ llm, overrides: { model: { enabled: false } } });
  await shop.router.ask({ text: QUESTION }, agent, never);
  expect(llm.requests).toEqual([]);
});
