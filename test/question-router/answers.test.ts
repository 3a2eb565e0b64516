import { expect, test } from "vitest";
import { gitBlobId } from "../../src/foundation/hash.ts";
import type { AskResult } from "../../src/question-router/index.ts";
import { scenario } from "../helpers/scenario.ts";
import { agent, DOCUMENTS, never, person, startRouter } from "./harness.ts";

const REFUND = "Within how many days is a returned bicycle refunded?";
const CHECKOUT = "openspec/specs/checkout/spec.md";

function answered(result: AskResult): Extract<AskResult, { status: "answered" }> {
  if (result.status !== "answered") throw new Error(`the question is ${result.status}`);
  return result;
}

scenario("questions", "A requirement answers the question", async () => {
  await using shop = await startRouter();
  const { answer, hops, cached } = answered(await shop.router.ask({ text: REFUND }, agent, never));
  expect(answer.text).toContain("SHALL refund a returned bicycle within 14 days");
  expect(answer.citations).toEqual([
    {
      path: CHECKOUT,
      heading: "Checkout Specification > Requirements > Requirement: Refund window",
      startLine: 7,
      endLine: 12,
      revision: gitBlobId(DOCUMENTS[CHECKOUT]!),
    },
  ]);
  expect({ route: answer.route, cached }).toEqual({ route: "documents", cached: false });
  expect(hops.map(({ responder, outcome }) => `${responder} ${outcome}`)).toEqual([
    "cache declined",
    "documents answered",
  ]);
});

scenario("questions", "The documents do not say it", async () => {
  await using shop = await startRouter();
  const result = await shop.router.ask({ text: "Which bicycle has the lightest titanium frame?" }, agent, never);
  expect(result).toMatchObject({ status: "pending", resource: `specloop://questions/${result.questionId}` });
  const hops = result.status === "pending" ? result.hops : [];
  expect(hops.find(({ responder }) => responder === "documents")).toMatchObject({
    responder: "documents",
    outcome: "declined",
    reason: expect.stringMatching(/best confidence is 0\.\d\d \(it holds 0\.\d\d of the question in .*\), below 0\.55/),
  });
});

scenario("questions", "The same question in other letters", async () => {
  await using shop = await startRouter();
  const first = answered(await shop.router.ask({ text: REFUND }, agent, never));
  const again = answered(
    await shop.router.ask({ text: "  within how many days\nis a RETURNED bicycle refunded " }, person, never),
  );
  expect(again).toMatchObject({
    cached: true,
    questionId: first.questionId,
    answer: { id: first.answer.id, route: "cache", by: "system:documents" },
  });
  expect((await shop.router.list()).total).toBe(1);
  const asks = await shop.telemetry.read.selectFrom("question_asks").selectAll().orderBy("cached").execute();
  expect(asks.map(({ asker, cached, question_id }) => [asker, cached, question_id])).toEqual([
    ["agent:tester", 0, first.questionId],
    ["person:ada@example.org", 1, first.questionId],
  ]);
});

scenario("questions", "A cited document changes", async () => {
  await using shop = await startRouter();
  await shop.router.ask({ text: REFUND }, agent, never);
  // Nobody tells the router of this edit: it has to see it by itself.
  await shop.repository.write(CHECKOUT, DOCUMENTS[CHECKOUT]!.replaceAll("14 days", "30 days"));
  const result = answered(await shop.router.ask({ text: REFUND }, agent, never));
  expect(result.cached).toBe(false);
  expect(result.answer.text).toContain("within 30 days");
  expect(result.hops[0]?.reason).toContain(`cites ${CHECKOUT}, which has changed`);
});

scenario("questions", "An answer is judged wrong", async () => {
  await using shop = await startRouter();
  const first = answered(await shop.router.ask({ text: REFUND }, agent, never));
  await shop.router.judge({ questionId: first.questionId, verdict: "wrong", principal: agent });
  const second = await shop.router.ask({ text: REFUND }, agent, never);
  expect(second.status).toBe("pending");
  expect(second.questionId).not.toBe(first.questionId);
  await shop.router.answer({ questionId: second.questionId, text: "21 days since May.", principal: person });
  expect(answered(await shop.router.ask({ text: REFUND }, agent, never)).answer).toMatchObject({
    text: "21 days since May.",
    route: "cache",
    by: "person:ada@example.org",
  });
});

test("an answer holds again when the document becomes what it was", async () => {
  await using shop = await startRouter();
  const first = await shop.router.ask({ text: REFUND }, agent, never);
  await shop.repository.write(CHECKOUT, "# Checkout Specification\n");
  expect((await shop.router.ask({ text: REFUND }, agent, never)).status).toBe("pending");
  await shop.repository.write(CHECKOUT, DOCUMENTS[CHECKOUT]!);
  expect(await shop.router.ask({ text: REFUND }, agent, never)).toMatchObject({
    cached: true,
    questionId: first.questionId,
  });
});

test("a person's answer is pinned to the question, until what it cites changes", async () => {
  await using shop = await startRouter();
  const text = "Who repairs the brakes of the blue tandem?";
  const { questionId } = await shop.router.ask({ text }, agent, never);
  await shop.router.answer({
    questionId,
    text: "The workshop in the yard.",
    citations: [{ path: "docs/operations.md", heading: "Backups" }],
    principal: person,
  });
  expect(await shop.router.ask({ text }, agent, never)).toMatchObject({
    cached: true,
    answer: { by: "person:ada@example.org" },
  });
  await shop.repository.write("docs/operations.md", "# Operations\n\n## Backups\n\nNone.\n");
  expect((await shop.router.ask({ text }, agent, never)).status).toBe("pending");
});

test("a correction takes the place of the answer, and agents do not reject what a person said", async () => {
  await using shop = await startRouter();
  const first = answered(await shop.router.ask({ text: REFUND }, agent, never));
  const judged = await shop.router.judge({
    questionId: first.questionId,
    verdict: "outdated",
    correction: "30 days.",
    principal: person,
  });
  expect(judged).toMatchObject({ answerId: first.answer.id, corrected: { text: "30 days.", route: "person" } });
  expect(answered(await shop.router.ask({ text: REFUND }, agent, never))).toMatchObject({
    cached: true,
    answer: { text: "30 days." },
  });
  const reject = shop.router.judge({ questionId: first.questionId, verdict: "wrong", principal: agent });
  await expect(reject).rejects.toMatchObject({ code: "forbidden" });
  const useless = shop.router.judge({
    questionId: first.questionId,
    verdict: "useful",
    correction: "x",
    principal: person,
  });
  await expect(useless).rejects.toMatchObject({ code: "bad_input" });
});

test("the same words about another change or of another kind are another question", async () => {
  await using shop = await startRouter();
  const ids = new Set<string>();
  for (const request of [{}, { kind: "how_to" as const }, { context: { change: "add-lights" } }]) {
    ids.add((await shop.router.ask({ text: REFUND, ...request }, agent, never)).questionId);
  }
  expect(ids.size).toBe(3);
});

test("a raised minScore is not undercut by what was answered under a lower one", async () => {
  await using shop = await startRouter({ overrides: { documents: { minScore: 0.01 } } });
  const text = "Which bicycle has the lightest titanium frame?";
  expect((await shop.router.ask({ text }, agent, never)).status).toBe("answered");
  shop.options.current = { ...shop.options.current, documents: { ...shop.options.current.documents, minScore: 0.9 } };
  expect((await shop.router.ask({ text }, agent, never)).status).toBe("pending");
});

test("two documents that say as much are both shown", async () => {
  const page = (what: string) => `# Page\n\n## Bell\n\nThe bell of a bicycle is ${what}.\n`;
  await using shop = await startRouter({ files: { "docs/a.md": page("loud"), "docs/b.md": page("silent") } });
  const { answer } = answered(await shop.router.ask({ text: "How is the bell of a bicycle?" }, agent, never));
  expect(answer.citations.map(({ path }) => path).toSorted()).toEqual(["docs/a.md", "docs/b.md"]);
  expect(answer.text).toMatch(/loud[\s\S]*silent|silent[\s\S]*loud/);
});

test.each([
  ["empty", ""],
  ["without a word", "?!"],
  ["too long", "x".repeat(4001)],
])("a text that is %s is refused", async (_what, text) => {
  await using shop = await startRouter();
  await expect(shop.router.ask({ text }, agent, never)).rejects.toMatchObject({ code: "bad_input" });
  await expect(shop.router.ask({ text: REFUND, waitMs: 25_001 }, agent, never)).rejects.toMatchObject({
    code: "bad_input",
  });
  expect((await shop.router.list()).total).toBe(0);
});
