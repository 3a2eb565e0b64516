import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { temporaryRepository, type TemporaryRepository } from "../helpers/repository.ts";
import { scenario } from "../helpers/scenario.ts";
import { change, delta, PLANNING, SPEC, startOrchestrator } from "./setup.ts";

async function repositoryWith(files: Record<string, string>): Promise<TemporaryRepository> {
  const repository = await temporaryRepository({ ...PLANNING, ...files });
  onTestFinished(() => repository[Symbol.asyncDispose]());
  return repository;
}

async function findingsOf(files: Record<string, string>, id = "add-it") {
  const { orchestrator } = await startOrchestrator(await repositoryWith(files), { options: { validator: "off" } });
  const { findings, mergeability } = await orchestrator.get(id);
  return { findings, codes: findings.map(({ code }) => code), mergeability: mergeability.state };
}

scenario("changes", "A merge left conflict markers in a delta", async () => {
  const repository = await repositoryWith(change("add-it", delta("ADDED", "It")));
  const { orchestrator, told } = await startOrchestrator(repository);
  const text = `${delta("ADDED", "It")}\n<<<<<<< HEAD\n- **AND** c\n=======\n- **AND** d\n>>>>>>> other\n`;
  await repository.write("openspec/changes/add-it/specs/auth/spec.md", text);
  await orchestrator.settled();
  await orchestrator.validated();
  const view = await orchestrator.get("add-it");
  expect(view.validity).toMatchObject({ current: true, verdict: { valid: true } });
  const finding = {
    severity: "error",
    code: "conflict_markers",
    target: "openspec/changes/add-it/specs/auth/spec.md:10",
  };
  expect(view.findings).toEqual([expect.objectContaining(finding)]);
  const changed = told.filter(({ name }) => name === "change.findings_changed").at(-1);
  expect(changed?.payload).toMatchObject({ changeId: "add-it", added: [finding], resolved: [], standing: 0 });
  await repository.write("openspec/changes/add-it/specs/auth/spec.md", delta("ADDED", "It"));
  await orchestrator.settled();
  const resolved = told.filter(({ name }) => name === "change.findings_changed").at(-1);
  expect(resolved?.payload).toMatchObject({ added: [], resolved: [{ code: "conflict_markers" }] });
});

scenario("changes", "A delta modifies a requirement that is not there", async () => {
  const { findings, mergeability } = await findingsOf(change("add-it", delta("MODIFIED", "sign  In")));
  expect(mergeability).toBe("would_refuse");
  expect(findings).toEqual([
    {
      severity: "error",
      code: "target_missing",
      message: 'MODIFIED "sign  In": the spec of auth does not have it.',
      target: "openspec/changes/add-it/specs/auth/spec.md:3",
      fix: 'Write the name as the spec does: "Sign in".',
      status: "standing",
    },
  ]);
});

scenario("changes", "Two changes touch one requirement", async () => {
  const repository = await repositoryWith({
    ...change("add-one", delta("MODIFIED", "Sign in", "The system SHALL do one.")),
    ...change("add-two", delta("ADDED", "Other")),
  });
  const { orchestrator } = await startOrchestrator(repository);
  expect((await orchestrator.get("add-one")).mergeability).toEqual({ state: "clean", overlaps: [] });
  const text = delta("MODIFIED", "Sign in", "The system SHALL do two.");
  await repository.write("openspec/changes/add-two/specs/auth/spec.md", text);
  await orchestrator.settled();
  for (const [id, other] of [
    ["add-one", "add-two"],
    ["add-two", "add-one"],
  ] as const) {
    const { findings, mergeability } = await orchestrator.get(id);
    expect(mergeability).toEqual({
      state: "overlaps",
      overlaps: [
        {
          change: other,
          capability: "auth",
          requirement: "Sign in",
          outcome: { state: "conflicts", in: ["its statement"] },
        },
      ],
    });
    expect(findings).toMatchObject([{ severity: "warning", code: "overlap", message: expect.stringContaining(other) }]);
  }
});

scenario("changes", "Files that cannot be read do no harm", async () => {
  const repository = await repositoryWith({
    ...change("good-one", delta("ADDED", "It")),
    "openspec/changes/broken-yaml/.openspec.yaml": "schema: [oops\n",
    "openspec/changes/broken-yaml/proposal.md": "## Why\n",
    "openspec/changes/huge/proposal.md": `## Why\n${"x".repeat(5000)}\n`,
    "openspec/changes/UPPER_case.1/tasks.md": "- [x] 1.1 b\n",
    "openspec/changes/nested/inner/add-x/proposal.md": "## Why\n",
    "openspec/changes/LOOSE.md": "# Not a change\n",
    "openspec/schemas/broken/schema.yaml": "name: broken\nartifacts: []\n",
  });
  await mkdir(join(repository.path, "openspec/changes/empty"));
  await repository.write("openspec/changes/binary/proposal.md", new Uint8Array([0, 159, 146, 150, 0, 1]));
  await repository.write("openspec/changes/latin/proposal.md", Buffer.from("Gr\u00FC\u00DFe", "latin1"));
  await mkdir(join(repository.path, "openspec/changes/linked"));
  await symlink("/etc/hostname", join(repository.path, "openspec/changes/linked/proposal.md"));
  const { orchestrator } = await startOrchestrator(repository, { options: { maxFileBytes: 4096 } });
  await orchestrator.validated();
  const { changes } = await orchestrator.list({ limit: 100 });
  expect(Object.fromEntries(changes.map(({ id, stage }) => [id, stage]))).toEqual({
    "UPPER_case.1": "implemented",
    binary: "planning",
    "broken-yaml": "planning",
    empty: "scaffolded",
    "good-one": "planned",
    huge: "planning",
    latin: "planning",
    linked: "planning",
    nested: "scaffolded",
  });
  const codes = async (id: string) => (await orchestrator.get(id)).findings.map(({ code }) => code);
  expect(await codes("good-one")).toEqual([]);
  expect(await codes("broken-yaml")).toEqual(["metadata_unreadable", "proposal_empty"]);
  expect(await codes("huge")).toEqual(["document_too_large"]);
  expect(await codes("binary")).toEqual(["document_not_text"]);
  expect(await codes("latin")).toEqual(["document_not_text"]);
  expect(await codes("linked")).toEqual(["document_unreadable"]);
  expect(await codes("empty")).toEqual([]);
  expect(await codes("UPPER_case.1")).toEqual(["proposal_missing", "done_not_archived"]);
  expect((await orchestrator.get("nested")).validity.verdict?.issues[0]?.message).toContain("is not a change");
});

test("additions that are there already, by the same or a similar name", async () => {
  expect(await findingsOf(change("add-it", delta("ADDED", "Sign in")))).toMatchObject({
    codes: ["target_exists"],
    mergeability: "would_refuse",
  });
  expect(await findingsOf(change("add-it", delta("ADDED", "sign IN")))).toMatchObject({ codes: ["target_exists"] });
  const synced = SPEC.replace(/[^]*### Requirement/, "## ADDED Requirements\n\n### Requirement");
  expect(await findingsOf(change("add-it", synced))).toMatchObject({ codes: [], mergeability: "clean" });
});

test("a modification that drops a scenario is one that archive refuses", async () => {
  const text = delta("MODIFIED", "Sign in").replace("Scenario: good", "Scenario: better");
  expect(await findingsOf(change("add-it", text))).toMatchObject({
    codes: ["scenarios_dropped"],
    mergeability: "would_refuse",
  });
});

test("a removal of what is gone only warns, a rename is followed, a new capability takes additions alone", async () => {
  const removal = "## REMOVED Requirements\n\n### Requirement: Gone\n**Reason**: x\n";
  expect(await findingsOf(change("add-it", removal))).toMatchObject({
    codes: ["target_missing"],
    mergeability: "clean",
  });
  const rename = (from: string, to: string) =>
    `## RENAMED Requirements\n\n- FROM: \`### Requirement: ${from}\`\n- TO: \`### Requirement: ${to}\`\n\n`;
  const both = rename("Sign in", "Log in") + delta("MODIFIED", "Log in");
  expect(await findingsOf(change("add-it", both))).toMatchObject({ codes: [], mergeability: "clean" });
  expect(await findingsOf(change("add-it", rename("No such", "Log in")))).toMatchObject({ codes: ["target_missing"] });
  expect(await findingsOf(change("add-it", rename("Done", "Sign in")))).toMatchObject({ codes: [] });
  const files = change("add-it", "");
  const capability = { ...files, "openspec/changes/add-it/specs/billing/spec.md": delta("MODIFIED", "Pay") };
  const { findings } = await findingsOf(capability);
  expect(findings.find(({ code }) => code === "target_missing")?.message).toContain("billing has no main spec");
});

test("what is missing may be on its way in another change", async () => {
  const files = { ...change("add-base", delta("ADDED", "Base")), ...change("add-it", delta("MODIFIED", "Base")) };
  const { findings } = await findingsOf(files);
  expect(findings.find(({ code }) => code === "target_missing")).toMatchObject({
    severity: "warning",
    fix: "Archive add-base first.",
  });
});

test("a capability behind a link is not said to lack anything", async () => {
  const repository = await repositoryWith({
    ...change("add-it", delta("MODIFIED", "Anything")),
    "shared/spec.md": SPEC,
  });
  await repository.git("rm", "-r", "--quiet", "openspec/specs/auth");
  await mkdir(join(repository.path, "openspec/specs"), { recursive: true });
  await symlink("../../shared", join(repository.path, "openspec/specs/auth"));
  const { orchestrator } = await startOrchestrator(repository, { options: { validator: "off" } });
  expect((await orchestrator.get("add-it")).findings).toEqual([]);
});

test("an unknown schema, and one of the project's own with its own tasks", async () => {
  const files = {
    ...change("add-it", delta("ADDED", "It")),
    "openspec/changes/add-it/.openspec.yaml": "schema: nowhere\n",
    "openspec/schemas/loop/schema.yaml": `name: loop
version: 1
artifacts:
  - { id: plan, generates: plan.md, description: d, template: plan.md, requires: [] }
  - { id: steps, generates: "loop/*.md", description: d, template: s.md, requires: [plan] }
apply: { requires: [steps], tracks: "loop/*.md" }
`,
    "openspec/changes/turn/.openspec.yaml": "schema: loop\n",
    "openspec/changes/turn/plan.md": "# Plan\n",
    "openspec/changes/turn/loop/1.md": "- [x] a\n- [ ] b\n",
    "openspec/changes/turn/tasks.md": "- [ ] not tracked\n",
  };
  const { orchestrator } = await startOrchestrator(await repositoryWith(files), { options: { validator: "off" } });
  const unknown = await orchestrator.get("add-it");
  expect(unknown).toMatchObject({ schema: "nowhere", artifacts: [], stage: "planning", tasks: { total: 2 } });
  expect(unknown.findings.map(({ code }) => code)).toEqual(["unknown_schema"]);
  const own = await orchestrator.get("turn");
  expect(own).toMatchObject({ schema: "loop", stage: "implementing", tasks: { done: 1, total: 2 }, findings: [] });
  expect(own.artifacts.map(({ id, status }) => [id, status])).toEqual([
    ["plan", "done"],
    ["steps", "done"],
  ]);
});

test("open questions are found where they are asked, and answered ones are told apart", async () => {
  const design = `# Design

## Open Questions

- Which database?
  It matters for the tests.
- ~~Which language?~~
- [x] Which licence?
- Which port?
  - Answer: 8080
- Where? → here
- None

### Details

- Is this one too?

## Decisions

- Not a question?
`;
  const files = { ...change("add-it", delta("ADDED", "It")), "openspec/changes/add-it/design.md": design };
  const { orchestrator } = await startOrchestrator(await repositoryWith(files), { options: { validator: "off" } });
  const { questions, findings } = await orchestrator.get("add-it");
  expect(questions.map(({ line, text, answered }) => [line, text, answered])).toEqual([
    [5, "Which database? It matters for the tests.", false],
    [7, "~~Which language?~~", true],
    [8, "Which licence?", true],
    [9, "Which port?", true],
    [11, "Where? → here", true],
    [16, "Is this one too?", false],
  ]);
  expect(findings).toMatchObject([
    {
      code: "open_questions",
      message: "2 open questions have no answer.",
      target: "openspec/changes/add-it/design.md:5",
    },
  ]);
});

test("a finding stands when lines move, and is not told again", async () => {
  const repository = await repositoryWith(change("add-it", delta("MODIFIED", "Nowhere")));
  const { orchestrator, told } = await startOrchestrator(repository, { options: { validator: "off" } });
  const before = told.filter(({ name }) => name === "change.findings_changed").length;
  await repository.write(
    "openspec/changes/add-it/specs/auth/spec.md",
    `# Delta\n\nText.\n\n${delta("MODIFIED", "Nowhere")}`,
  );
  await orchestrator.settled();
  expect((await orchestrator.get("add-it")).findings[0]?.target).toBe("openspec/changes/add-it/specs/auth/spec.md:7");
  expect(told.filter(({ name }) => name === "change.findings_changed")).toHaveLength(before);
});

test("a change with very many files is cut and says so", async () => {
  const files = Object.fromEntries(
    Array.from({ length: 510 }, (_item, index) => [`openspec/changes/add-it/evidence/${index}.md`, `# ${index}\n`]),
  );
  const { findings } = await findingsOf({ ...change("add-it", delta("ADDED", "It")), ...files });
  expect(findings.map(({ message }) => message)).toContain("The change holds more files than are looked at.");
});

scenario("changes", "A person has schemas of their own", async () => {
  const data = await mkdtemp(join(tmpdir(), "specloop-data-"));
  onTestFinished(() => rm(data, { recursive: true, force: true }));
  const schema = (generates: string) =>
    `name: mine\nversion: 1\nartifacts:\n  - { id: plan, generates: ${generates}, description: d, template: p.md }\n`;
  await mkdir(join(data, "openspec/schemas/broken"), { recursive: true });
  await mkdir(join(data, "linked"));
  await writeFile(join(data, "linked/schema.yaml"), schema("plan.md"));
  await symlink(join(data, "linked"), join(data, "openspec/schemas/mine"));
  await writeFile(join(data, "openspec/schemas/broken/schema.yaml"), "name: broken\n");
  const repository = await repositoryWith({
    ...PLANNING,
    "openspec/changes/turn/.openspec.yaml": "schema: mine\n",
    "openspec/changes/turn/plan.md": "# Plan\n",
  });
  const settings = { options: { validator: "off" as const }, env: { ...process.env, XDG_DATA_HOME: data } };
  const { orchestrator } = await startOrchestrator(repository, settings);
  expect(await orchestrator.get("turn")).toMatchObject({ stage: "planned", artifacts: [{ id: "plan" }], findings: [] });
  // What nobody here uses is no problem of this repository.
  expect((await orchestrator.list()).findings).toEqual([]);
  await repository.write("openspec/changes/turn/.openspec.yaml", "schema: broken\n");
  await orchestrator.settled();
  expect((await orchestrator.get("turn")).findings).toMatchObject([{ code: "unknown_schema" }]);
  expect((await orchestrator.list()).findings).toMatchObject([{ code: "schema_unreadable" }]);
  // The project's own comes first.
  await repository.write("openspec/schemas/broken/schema.yaml", schema("other.md"));
  await orchestrator.settled();
  expect(await orchestrator.get("turn")).toMatchObject({ artifacts: [{ id: "plan", status: "ready" }], findings: [] });
});

scenario("changes", "How an overlap will end is said before", async () => {
  const block = SPEC.slice(SPEC.indexOf("### Requirement")).trimEnd();
  const modified = (text: string) => `## MODIFIED Requirements\n\n${text}\n`;
  const more = (name: string) => modified(`${block}\n\n#### Scenario: ${name}\n- **THEN** more`);
  const repository = await repositoryWith({
    ...change("a-one", more("one")),
    ...change("b-two", more("two")),
    ...change("c-same", more("one")),
    ...change("d-else", modified(`${block}\n\n#### Scenario: one\n- **THEN** else`)),
    ...change("e-gone", "## REMOVED Requirements\n\n### Requirement: Sign in\n**Reason**: x\n"),
  });
  const { orchestrator } = await startOrchestrator(repository, { options: { validator: "off" } });
  const { mergeability } = await orchestrator.get("a-one");
  expect(mergeability.overlaps.map(({ change: other, outcome }) => [other, outcome])).toEqual([
    ["b-two", { state: "merges", in: [] }],
    ["c-same", { state: "same", in: [] }],
    ["d-else", { state: "conflicts", in: ['the scenario "one"'] }],
    ["e-gone", { state: "conflicts", in: ["the whole requirement"] }],
  ]);
});
