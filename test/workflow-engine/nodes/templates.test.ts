import { readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { scenario } from "../../helpers/scenario.ts";
import { describedNodeTypes, QUICK_ACTIONS, WorkflowCatalogue } from "../../../src/workflow-engine/index.ts";
import { nodeOf, openPlace, type Place } from "./place.ts";
import { sandboxMissing } from "./sandbox.ts";

const folder = resolve(import.meta.dirname, "../../../templates");
const catalogue = new WorkflowCatalogue({ folder, types: describedNodeTypes() });

test.each(readdirSync(folder))("%s has no mistake and nothing to warn of", async (file) => {
  const found = await catalogue.find(file.replace(/\.yaml$/, ""));
  expect(found.problems).toEqual([]);
  expect(found.plan?.description.length).toBeGreaterThan(80);
  // What others wrote and models answered never speaks as the system.
  for (const node of found.plan?.nodes ?? []) expect(JSON.stringify(node.config["system"] ?? "")).not.toContain("${{");
});

const SPEC = `# search

## Purpose
People find what they look for.

## Requirements

### Requirement: Search finds words
The search SHALL find a document by each of its words.

#### Scenario: A word
- **WHEN** a person searches for a word of a document
- **THEN** the document is listed
`;
const CHANGE = {
  "openspec/specs/search/spec.md": SPEC,
  "openspec/changes/add-ranking/proposal.md":
    "# Add ranking\n\n## Why\n\nThe best is not first.\n\n## What Changes\n\n- Ranking\n",
  "openspec/changes/add-ranking/tasks.md": "# Tasks\n\n## 1. Rank\n\n- [ ] 1.1 Rank results\n",
  "openspec/changes/add-ranking/specs/search/spec.md":
    "# Delta\n\n## ADDED Requirements\n\n### Requirement: Best first\nThe search SHALL list the best document first.\n\n#### Scenario: Two documents\n- **WHEN** two documents hold a word\n- **THEN** the one that holds it more often is first\n",
};
const PROJECT = {
  "package.json": JSON.stringify({ name: "p", type: "module", scripts: { test: "node --test" } }),
  "src/add.js": "export function add(a, b) { let c = a; c = c + b; return c; }\n",
  "src/add.test.js":
    'import { test } from "node:test";\nimport { equal } from "node:assert";\nimport { add } from "./add.js";\ntest("adds", () => equal(add(1, 2), 3));\n',
};

let place: Place;

beforeAll(async () => {
  place = await openPlace({ files: { ...CHANGE, ...PROJECT } });
}, 60_000);
afterAll(() => place[Symbol.asyncDispose]());

/** What the model was asked in this test, oldest first. */
async function asked(work: () => Promise<unknown>): Promise<{ system: string; user: string }[]> {
  const from = place.model.requests.length;
  await work();
  return place.model.requests
    .slice(from)
    .filter(({ kind }) => kind === "generate")
    .map(({ messages }) => ({
      system: messages.find(({ role }) => role === "system")?.content ?? "",
      user: messages.findLast(({ role }) => role === "user")?.content ?? "",
    }));
}

describe("shipped workflows run with a model", () => {
  const topic = "Photosynthesis";
  const cases: [string, Record<string, unknown>, number, string[]][] = [
    ["lesson-plan", { topic, minutes: 45 }, 4, ["plan", "objectives", "phases", "materials"]],
    ["assessment", { topic, tasks: 3 }, 3, ["tasks", "points", "review", "to_look_at"]],
    [
      "student-feedback",
      { topic, work: "Plants eat light.\nThey give air." },
      2,
      ["feedback", "criteria", "next_steps"],
    ],
    ["ui-generation", { description: "A list of tasks that can be ticked" }, 3, ["files", "findings", "specification"]],
    ["collaboration", { task: "Move to another database?" }, 6, ["recommendation", "views", "missed"]],
    ["change-review", { change: "add-ranking" }, 1, ["recommendation", "findings", "valid", "summary"]],
  ];
  test.each(cases)(
    "%s",
    async (name, input, calls, fields) => {
      let run = {} as Awaited<ReturnType<Place["run"]>>;
      const prompts = await asked(async () => {
        run = await place.run(name, input);
      });
      expect([run.error, run.state]).toEqual([null, "succeeded"]);
      expect(Object.keys(run.output!.value)).toEqual(expect.arrayContaining(fields));
      // A model that finds something is asked to mend it, too.
      expect(prompts.length).toBeGreaterThanOrEqual(calls);
      for (const { system } of prompts) expect(system.length).toBeGreaterThan(50);
    },
    60_000,
  );

  test("a review is given the change's documents and OpenSpec's verdict", async () => {
    const [prompt] = await asked(() => place.run("change-review", { change: "add-ranking" }));
    expect(prompt?.user).toContain("The search SHALL list the best document first.");
    expect(prompt?.user).toContain("The best is not first.");
  }, 60_000);
});

scenario(
  "workflows",
  "A spec is drafted and proposed",
  async () => {
    const delta = (text: string) => ({
      title: "Forgive typing errors",
      why: "People mistype, and find nothing then.",
      whatChanges: ["Words that differ by a letter are found"],
      tasks: ["1.1 Find near words"],
      deltas: [
        {
          operation: "ADDED",
          requirement: "Near words",
          text,
          scenarios: [{ name: "One letter", steps: ["**WHEN** a letter is wrong", "**THEN** the document is listed"] }],
        },
      ],
    });
    const answers = [delta("The search finds near words."), delta("The search SHALL find near words.")];
    const before = place.model.respond;
    place.model.respond = () => answers.shift()!;
    const run = await place.run("spec-draft", { goal: "Forgive typing errors", capability: "search" });
    place.model.respond = before;
    expect([run.error, run.state]).toEqual([null, "succeeded"]);
    // The first draft has no SHALL, which OpenSpec refuses: it was told so and mended it.
    expect(run.output!.value).toMatchObject({ mended: true });
    const branch = String(run.output!.value["branch"]);
    const change = String(run.output!.value["change"]);
    const text = await place.repository.git("show", `${branch}:openspec/changes/${change}/specs/search/spec.md`);
    expect(text).toContain("The search SHALL find near words.");
  },
  90_000,
);

scenario(
  "workflows",
  "A waiting question is answered with a person's yes",
  async () => {
    const { questionId } = await place.call("question_ask", { text: "Which moon has the shed?", waitMs: 0 });
    const before = place.model.respond;
    place.model.respond = () => ({ answered: true, answer: "None; it is a shed.", sources: [], unsure: "" });
    const waits = await place.run("answer-question", { question: questionId });
    place.model.respond = before;
    expect([waits.error, waits.state]).toEqual([null, "waiting"]);
    expect(nodeOf(waits, "approve")?.shown).toMatchObject({ show: { answer: "None; it is a shed." } });
    expect(await place.call("question_get", { questionId })).toMatchObject({ status: "pending" });
    await place.call("run_approve", { run: waits.id, node: "approve", approved: true });
    expect((await place.settled(waits.id)).output?.value).toMatchObject({ submitted: true });
    expect(await place.call("question_get", { questionId })).toMatchObject({
      status: "answered",
      answer: { text: "None; it is a shed.", by: "person:ada" },
    });
  },
  60_000,
);

scenario(
  "workflows",
  "Code is improved on a branch",
  async (context) => {
    if (sandboxMissing) context.skip(sandboxMissing);
    const input = { path: "src/add.js", goal: "Say it in one line" };
    await expect(place.run("code-enhancement", input)).rejects.toThrow(/no person has approved/);
    const { hash, standing, reach } = await place.call("workflow_reach", { name: "code-enhancement" });
    expect(standing).toBe("unapproved");
    expect(JSON.stringify(reach)).toContain("npm");
    await place.call("workflow_approve", { name: "code-enhancement", hash });
    const better = "export const add = (a, b) => a + b;\n";
    const before = place.model.respond;
    place.model.respond = () => ({ content: better, summary: "One expression\n`rm -rf $HOME`", risks: [] });
    const waits = await place.run("code-enhancement", input);
    place.model.respond = before;
    expect([waits.error, waits.state]).toEqual([null, "waiting"]);
    const { show } = nodeOf(waits, "look")!.shown as { show: Record<string, string> };
    expect(show).toMatchObject({ tests: "passed", diff: expect.stringContaining(`+${better.trim()}`) as string });
    const head = await place.repository.git("rev-parse", "HEAD");
    const status = await place.repository.git("status", "--porcelain");
    await place.call("run_approve", { run: waits.id, node: "look", approved: true });
    const done = await place.settled(waits.id);
    expect([done.error, done.state]).toEqual([null, "succeeded"]);
    const branch = String(done.output!.value["branch"]);
    expect(await place.repository.git("show", `${branch}:src/add.js`)).toBe(better.trim());
    expect(await place.repository.git("diff", "--name-only", "HEAD", branch)).toBe("src/add.js");
    expect(await place.repository.git("rev-parse", "HEAD", `${branch}~1`)).toBe(`${head}\n${head}`);
    expect(await place.repository.git("status", "--porcelain")).toBe(status);
  },
  120_000,
);

scenario(
  "workflows",
  "A quick action",
  async () => {
    expect(Object.keys(QUICK_ACTIONS)).toEqual(["lesson-plan", "assessment", "feedback"]);
    for (const { workflow, input } of Object.values(QUICK_ACTIONS)) {
      const { plan } = await catalogue.find(workflow);
      const known = Object.keys((plan!.input["properties"] ?? {}) as object);
      expect(known).toEqual(expect.arrayContaining(Object.keys(input.shape)));
    }
    const run = await place.run(
      QUICK_ACTIONS.feedback.workflow,
      QUICK_ACTIONS.feedback.input.parse({ topic: "An essay", work: "Words." }),
    );
    expect(run.state).toBe("succeeded");
    expect(() => QUICK_ACTIONS["lesson-plan"].input.parse({ minutes: 5 })).toThrow();
    const file = join(place.repository.path, "work.txt");
    await place.repository.write("work.txt", "Plants eat light.\n");
    const { stdout, code } = await place.cli("quick", "feedback", "--topic", "Plants", "--work", `@${file}`, "--json");
    expect([code, JSON.parse(stdout)]).toMatchObject([0, { state: "succeeded" }]);
  },
  60_000,
);
