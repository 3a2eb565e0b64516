import { expect, test } from "vitest";
import { tools } from "../../src/question-router/index.ts";
import { agent, type Harness, never, person, startRouter } from "./harness.ts";

async function call(shop: Harness, name: string, input: unknown, principal = agent) {
  const tool = tools(shop.router).find((tool) => tool.name === name)!;
  const output = await tool.run(input, { principal, signal: never });
  return { output, text: tool.render(output) };
}

test("the tools of the default profile are four, and every one says what it does", async () => {
  await using shop = await startRouter();
  const all = tools(shop.router);
  const shown = all.filter(({ toolset }) => toolset === "default");
  expect(shown.map(({ name, effect }) => [name, effect])).toEqual([
    ["question_ask", "add"],
    ["question_get", "read"],
    ["question_list", "read"],
    ["answer_submit", "add"],
  ]);
  for (const { description } of all) expect(description.length).toBeLessThanOrEqual(600);
});

test("a question goes its way through the tools, and the text carries the facts", async () => {
  await using shop = await startRouter();
  const asked = await call(shop, "question_ask", { text: "Within how many days is a returned bicycle refunded?" });
  expect(asked.output).toMatchObject({
    status: "answered",
    cached: false,
    answer: { route: "documents", confidence: expect.closeTo(0.87, 1) },
  });
  expect(asked.text).toContain("within 14 days");
  expect(asked.text).toContain("openspec/specs/checkout/spec.md:7-12");
  const pending = await call(shop, "question_ask", {
    text: "Who repairs the blue tandem?",
    kind: "fact",
    change: "add-x",
  });
  const questionId = pending.output["questionId"] as string;
  expect(pending.text).toContain(`specloop://questions/${questionId}`);
  expect(pending.text).toMatch(/documents declined in [\d.]+ ms: /);
  const listed = await call(shop, "question_list", { status: "pending", limit: 5 });
  expect(listed.output).toMatchObject({
    total: 1,
    questions: [{ questionId, change: "add-x", answer: null }],
  });
  expect(listed.text).toContain(questionId);
  const submitted = await call(
    shop,
    "answer_submit",
    { questionId, text: "The yard.", citations: [{ path: "README.md", heading: "Install" }] },
    person,
  );
  expect(submitted.text).toContain("README.md:5-7 (Shop > Install)");
  const read = await call(shop, "question_get", { questionId });
  expect(read.output).toMatchObject({
    status: "answered",
    answer: { text: "The yard.", by: "person:ada@example.org" },
  });
  expect(read.text).toContain("The yard.");
  const judged = await call(
    shop,
    "answer_judge",
    { questionId, verdict: "outdated", correction: "The cellar." },
    person,
  );
  expect(judged.text).toContain("The cellar.");
});
