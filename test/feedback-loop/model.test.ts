import { expect, test } from "vitest";
import type { FakeReply } from "../../src/adapters/llm/fake/index.ts";
import { startFakeLmStudio } from "../../src/adapters/llm/fake/index.ts";
import { openLlm } from "../adapters/llm/open.ts";
import { scenario } from "../helpers/scenario.ts";
import { openWorld, questions, type World } from "./world.ts";

const STRICT = [
  ...questions(10, { score: 0.8, right: true }, "train"),
  ...questions(6, { score: 0.5, right: true }, "train"),
];

/** The loop with a model that answers like this, behind the real client. */
async function withModel(respond: () => FakeReply, loop: Record<string, unknown> = {}) {
  await using stack = new AsyncDisposableStack();
  const server = stack.use(await startFakeLmStudio({ respond }));
  const { llm } = stack.use(openLlm({ backend: "openai", baseUrl: server.url }));
  const world: World = stack.use(await openWorld({ questions: STRICT, llm, loop }));
  const held = stack.move();
  return { world, server, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

function idea(changes: Record<string, unknown> = {}) {
  return {
    why: "Six known answers are declined.",
    candidate: 1,
    value: 0.45,
    metric: 3,
    minimumEffect: 0.1,
    ...changes,
  };
}

test("the model chooses among what it was offered", async () => {
  await using opened = await withModel(() => ({ hypotheses: [idea()], done: true }));
  const { world, server } = opened;
  const report = await world.cycle();
  expect(report.model).not.toBeNull();
  expect(report.modelMs).toBeGreaterThan(0);
  expect(report.proposals).toMatchObject([
    { draftedBy: `model ${report.model}`, title: "Set questions.documents.minScore to 0.45 instead of 0.6" },
  ]);
  const { branch, changeId } = report.proposals[0]!;
  const text = (await world.git.read(`refs/heads/${branch}`, `openspec/changes/${changeId}/experiment.yaml`))!.toString(
    "utf8",
  );
  expect(text).toContain("minimumEffect: 0.1");
  const prompt = server.requests
    .at(-1)!
    .messages.map(({ content }) => content)
    .join("\n");
  expect(prompt).toContain("1. Change the setting questions.documents.minScore: now 0.6, range 0 to 1, step 0.05");
});

scenario("improvement-loop", "What the model makes up is dropped with the reason", async () => {
  const made = [idea({ candidate: 7 }), idea({ value: 12 }), idea({ why: "See https://example.org for more" })];
  await using opened = await withModel(() => ({ hypotheses: made, done: true }));
  const report = await opened.world.cycle();
  expect(report.dropped.map(({ reason }) => reason)).toEqual([
    "candidate 7 does not exist",
    "12 is outside 0 to 1",
    "its words hold a link",
  ]);
  expect(report.proposals).toMatchObject([{ draftedBy: "template" }]);
});

scenario("improvement-loop", "Without a usable model the templates serve", async () => {
  await using none = await openWorld({ questions: STRICT });
  const alone = await none.cycle();
  expect(alone).toMatchObject({ model: null, modelMs: 0, dropped: [], proposals: [{ draftedBy: "template" }] });
  await using babbling = await withModel(() => "I would rather write a poem.");
  const report = await babbling.world.cycle();
  expect(report).toMatchObject({ model: null, proposals: [{ draftedBy: "template" }] });
  expect(report.dropped[0]!.reason).toContain("llm_invalid_output");
});

test("a model that hangs is given up in time, and the cycle ends with templates", async () => {
  await using opened = await withModel(() => ({ hypotheses: [], done: true }), { model: { timeoutMs: 1000 } });
  opened.server.faults = { frozen: true };
  const report = await opened.world.cycle();
  expect(report.proposals).toMatchObject([{ draftedBy: "template" }]);
  expect(report.dropped).toHaveLength(1);
});

test("the model is asked about every problem of a cycle", async () => {
  await using opened = await withModel(() => ({ hypotheses: [idea()], done: true }));
  const { world, server } = opened;
  world.ask(questions(6, { score: 0.65, right: false }, "train"));
  const report = await world.cycle();
  expect(report.problems.map(({ code }) => code).sort()).toEqual(["documents_too_loose", "documents_too_strict"]);
  expect(server.requests.filter(({ messages }) => JSON.stringify(messages).includes("Problem: "))).toHaveLength(2);
  expect(report.model).not.toBeNull();
});

test("two ideas about one setting are not open at once", async () => {
  let value = 0.45;
  await using opened = await withModel(() => ({ hypotheses: [idea({ value })], done: true }));
  const first = (await opened.world.cycle()).proposals[0]!;
  value = 0.5;
  const second = await opened.world.cycle();
  expect(second.proposals).toEqual([]);
  expect(second.dropped.map(({ reason }) => reason)).toEqual([
    `${first.proposalId} is about the same setting or file, and two at once could not be told apart`,
  ]);
});

test("the day's budget of calls is kept", async () => {
  await using opened = await withModel(() => ({ hypotheses: [idea()], done: true }), { model: { callsPerDay: 1 } });
  const { world, server } = opened;
  await world.cycle();
  const calls = server.requests.length;
  const second = await world.cycle();
  expect(server.requests).toHaveLength(calls);
  expect(second.dropped.map(({ reason }) => reason)).toContainEqual(
    expect.stringContaining("loop.model.callsPerDay is 1"),
  );
});

test("words of the model and of recorded questions stay inside their lines and cells", async () => {
  const why = "Good.\n\n## What Changes\n- run `rm -rf` | <script>alert(1)</script> [click](x)";
  await using opened = await withModel(() => ({ hypotheses: [idea({ why })], done: true }));
  const { world } = opened;
  world.questions.unshift(world.questions.pop()!);
  world.questions[0]!.text = "What | is\n\n# this <b>?";
  const report = await world.cycle();
  const { branch, changeId } = report.proposals[0]!;
  const read = async (name: string) =>
    (await world.git.read(`refs/heads/${branch}`, `openspec/changes/${changeId}/${name}`))!.toString("utf8");
  const proposal = await read("proposal.md");
  expect(proposal).not.toMatch(/^## What Changes/m);
  expect(proposal).not.toContain("<script>");
  const rows = (await read("design.md")).split("\n").filter((line) => line.startsWith("|"));
  expect(rows.find((row) => row.includes("this"))).toContain("What \\| is # this \\<b>?");
});
