import { expect, onTestFinished, test } from "vitest";
import type { ChangeDraft } from "../../src/adapters/openspec/index.ts";
import { tools } from "../../src/orchestrator/index.ts";
import { temporaryRepository, type TemporaryRepository } from "../helpers/repository.ts";
import { scenario } from "../helpers/scenario.ts";
import { change, delta, PLANNING, startOrchestrator } from "./setup.ts";

const context = { principal: { kind: "agent", name: "claude-code" } as const, trailers: { "Specloop-Cycle": "cy-1" } };
const toolContext = { principal: context.principal, signal: new AbortController().signal };

const DRAFT: ChangeDraft = {
  id: "add-sign-out",
  title: "Add sign out",
  why: "People share machines.\n\nThey ask for it.",
  whatChanges: ["A button"],
  impact: ["auth"],
  design: "# Design\n\n## Decisions\n\n- One\n",
  tasks: [{ group: "Build", items: ["Add the button", "Test it"] }],
  deltas: [
    {
      capability: "auth",
      operation: "ADDED",
      requirement: "Sign out",
      text: "The system SHALL let people sign out.",
      scenarios: [{ name: "out", steps: ["WHEN the button is pressed", "then they are out"] }],
    },
  ],
  skipSpecs: false,
  extraFiles: { "experiment.yaml": "metric: x\n" },
  goal: 'Say "bye": always',
};

async function repositoryWith(files: Record<string, string> = {}): Promise<TemporaryRepository> {
  const repository = await temporaryRepository({ ...PLANNING, ...files });
  onTestFinished(() => repository[Symbol.asyncDispose]());
  return repository;
}

scenario("changes", "A proposal is committed beside the work", async () => {
  const repository = await repositoryWith({ "README.md": "# A\n" });
  const { orchestrator, steps } = await startOrchestrator(repository);
  await repository.write("README.md", "# Staged\n");
  await repository.git("add", "README.md");
  await repository.write("README.md", "# Unsaved\n");
  const [head, status] = [
    await repository.git("rev-parse", "HEAD"),
    await repository.git("status", "--porcelain=v2", "--branch"),
  ];
  const result = await orchestrator.propose(DRAFT, context);
  expect(result).toMatchObject({
    changeId: "add-sign-out",
    branch: "specloop/add-sign-out",
    verdict: { valid: true, issues: [] },
  });
  expect(await repository.git("rev-parse", "HEAD")).toBe(head);
  expect(await repository.git("status", "--porcelain=v2", "--branch")).toBe(status);
  expect(await repository.git("rev-parse", `${result.commit}^`)).toBe(head);
  expect(await repository.git("rev-parse", "specloop/add-sign-out")).toBe(result.commit);
  expect((await repository.git("diff", "--name-only", head, result.commit)).split("\n")).toEqual([
    "openspec/changes/add-sign-out/.openspec.yaml",
    "openspec/changes/add-sign-out/design.md",
    "openspec/changes/add-sign-out/experiment.yaml",
    "openspec/changes/add-sign-out/proposal.md",
    "openspec/changes/add-sign-out/specs/auth/spec.md",
    "openspec/changes/add-sign-out/tasks.md",
  ]);
  const message = await repository.git("log", "-1", "--format=%B", result.commit);
  expect(message).toContain("Specloop-Change: add-sign-out");
  expect(message).toContain("Specloop-Principal: agent:claude-code");
  expect(message).toContain("Specloop-Cycle: cy-1");
  expect(await orchestrator.get("add-sign-out")).toMatchObject({
    stage: "planned",
    git: "branch",
    branch: "specloop/add-sign-out",
    goal: 'Say "bye": always',
    tasks: { done: 0, total: 2 },
    findings: [],
  });
  expect(steps()).toEqual(["add-sign-out: null -> planned"]);
  await orchestrator.validated();
  expect(await orchestrator.check("add-sign-out")).toMatchObject({ valid: true });
});

scenario("changes", "OpenSpec does not accept a proposal", async () => {
  const repository = await repositoryWith();
  const { orchestrator } = await startOrchestrator(repository);
  const weak = { ...DRAFT, deltas: [{ ...DRAFT.deltas[0]!, text: "The system may let people sign out." }] };
  const failure = await orchestrator.propose(weak, context).catch((error: unknown) => error);
  expect(failure).toMatchObject({
    code: "invalid_change",
    message: expect.stringContaining("should contain SHALL or MUST"),
    details: { issues: [{ level: "WARNING", path: "auth/spec.md" }] },
  });
  expect(await repository.git("branch", "--list", "specloop/*")).toBe("");
});

scenario("changes", "A person merges a proposal", async () => {
  const repository = await repositoryWith();
  const { orchestrator, steps } = await startOrchestrator(repository);
  await orchestrator.propose(DRAFT, context);
  steps();
  await repository.git("merge", "--quiet", "--no-ff", "--message", "Approve", "specloop/add-sign-out");
  await orchestrator.settled();
  expect(await orchestrator.get("add-sign-out")).toMatchObject({ stage: "approved", git: "committed", branch: null });
  expect(steps()).toEqual(["add-sign-out: planned -> approved"]);
  // The approval outlives the branch.
  await repository.git("branch", "--quiet", "-D", "specloop/add-sign-out");
  await orchestrator.settled();
  expect((await orchestrator.get("add-sign-out")).stage).toBe("approved");
  const proposal = "openspec/changes/add-sign-out/proposal.md";
  await repository.write(proposal, "# Other\n\n## Why\n\nSomething else.\n");
  await orchestrator.settled();
  expect((await orchestrator.get("add-sign-out")).stage).toBe("planned");
  await repository.git("checkout", "--quiet", "--", proposal);
  await repository.write(
    "openspec/changes/add-sign-out/tasks.md",
    "# Tasks\n\n## 1. Build\n\n- [x] 1.1 Add the button\n- [ ] 1.2 Test it\n",
  );
  await orchestrator.settled();
  expect((await orchestrator.get("add-sign-out")).stage).toBe("implementing");
});

test("looking at a proposal on its own branch or without one does not approve it", async () => {
  const repository = await repositoryWith();
  const { orchestrator } = await startOrchestrator(repository, { options: { validator: "off" } });
  await orchestrator.propose(DRAFT, context);
  for (const how of [["specloop/add-sign-out"], ["--detach", "specloop/add-sign-out"]]) {
    await repository.git("switch", "--quiet", ...how);
    await orchestrator.settled();
    expect(await orchestrator.get("add-sign-out")).toMatchObject({ stage: "planned", git: "committed" });
  }
  await repository.git("switch", "--quiet", "main");
  await orchestrator.settled();
  expect(await orchestrator.get("add-sign-out")).toMatchObject({ stage: "planned", git: "branch" });
});

test("a proposal whose branch is deleted unmerged is abandoned", async () => {
  const repository = await repositoryWith();
  const { orchestrator, steps } = await startOrchestrator(repository, { options: { validator: "off" } });
  await orchestrator.propose(DRAFT, context);
  await repository.git("branch", "--quiet", "-D", "specloop/add-sign-out");
  await orchestrator.settled();
  expect(steps()).toEqual(["add-sign-out: null -> planned", "add-sign-out: planned -> abandoned"]);
});

test("refuses an id that is taken anywhere, bad names, and a repository without commit or openspec/", async () => {
  const repository = await repositoryWith({
    ...change("in-work", delta("ADDED", "It")),
    "openspec/changes/archive/2026-01-02-was-done/tasks.md": "- [x] a\n",
  });
  const { orchestrator } = await startOrchestrator(repository, { options: { validator: "off" } });
  const propose = (more: Partial<ChangeDraft>) => orchestrator.propose({ ...DRAFT, ...more }, context);
  expect((await propose({})).verdict).toBeNull();
  for (const id of ["in-work", "was-done", "add-sign-out"])
    await expect(propose({ id })).rejects.toMatchObject({ code: "change_exists" });
  for (const id of ["", "Upper", "a--b", "../up", "archive", "a/b", "x".repeat(201)]) {
    await expect(propose({ id })).rejects.toMatchObject({ code: "bad_input" });
  }
  for (const name of ["../x.md", "/etc/x", ".git/config", "a\u0000b", "a/../../b", "c:x"]) {
    await expect(propose({ id: "other", extraFiles: { [name]: "x" } })).rejects.toMatchObject({ code: "bad_input" });
  }
  const capability = [{ ...DRAFT.deltas[0]!, capability: "../../x" }];
  await expect(propose({ id: "other", deltas: capability })).rejects.toMatchObject({ code: "bad_input" });
  await expect(orchestrator.propose(DRAFT, context, "elsewhere/openspec")).rejects.toMatchObject({ code: "bad_input" });

  const unborn = await temporaryRepository();
  onTestFinished(() => unborn[Symbol.asyncDispose]());
  const bare = await startOrchestrator(unborn);
  await expect(bare.orchestrator.propose(DRAFT, context)).rejects.toMatchObject({ code: "no_openspec" });
  await unborn.write("openspec/config.yaml", "schema: spec-driven\n");
  await bare.orchestrator.refresh();
  await expect(bare.orchestrator.propose(DRAFT, context)).rejects.toMatchObject({ code: "no_commits" });
});

test("without OpenSpec a proposal is made and its verdict is null", async () => {
  const { orchestrator } = await startOrchestrator(await repositoryWith(), { searchFrom: [] });
  expect(await orchestrator.propose(DRAFT, context)).toMatchObject({ verdict: null });
  await expect(orchestrator.check("add-sign-out")).rejects.toMatchObject({ code: "no_validator" });
});

test("the tool makes a complete valid change of a title and some markdown", async () => {
  const repository = await repositoryWith();
  const { orchestrator } = await startOrchestrator(repository);
  const tool = tools(orchestrator).find(({ name }) => name === "proposal_create")!;
  const content =
    "It is slow.\n\n## What Changes\n\n- Cache it\n\n## Tasks\n\n- [ ] 1.1 Measure\n- [ ] 1.2 Cache\n\n## Design\n\nA map.\n";
  const made = await tool.run({ title: "Größere Caches: make it fast!", content }, toolContext);
  expect(made).toMatchObject({ changeId: "grossere-caches-make-it-fast", valid: true, warnings: [] });
  expect(tool.render(made)).toContain("git merge specloop/grossere-caches-make-it-fast");
  const read = (name: string) =>
    repository.git(
      "show",
      `specloop/grossere-caches-make-it-fast:openspec/changes/grossere-caches-make-it-fast/${name}`,
    );
  expect(await read("tasks.md")).toBe("# Tasks\n\n## 1. Implementation\n\n- [ ] 1.1 Measure\n- [ ] 1.2 Cache");
  expect(await read("proposal.md")).toContain("## Why\n\nIt is slow.\n\n## What Changes\n\n- Cache it\n");
  expect(await read(".openspec.yaml")).toContain("skip_specs: true");
  expect(await tool.run({ title: "中文标题" }, toolContext)).toMatchObject({
    changeId: expect.stringMatching(/^change-[0-9a-f]{8}$/),
    valid: true,
  });
  // A delta spec as OpenSpec writes it is judged beside the main spec that it modifies.
  const specs = { auth: delta("MODIFIED", "Sign in") };
  expect(await tool.run({ title: "Sign in again", specs }, toolContext)).toMatchObject({
    changeId: "sign-in-again",
    valid: true,
  });
  expect(await orchestrator.get("sign-in-again")).toMatchObject({
    deltas: [{ operation: "MODIFIED", requirement: "Sign in" }],
  });
  const dropping = { auth: delta("MODIFIED", "Sign in").replace("Scenario: good", "Scenario: other") };
  await expect(tool.run({ title: "Drop it", specs: dropping }, toolContext)).rejects.toMatchObject({
    code: "invalid_change",
  });
  await expect(tool.run({ title: "Out", specs: { "../..": "x" } }, toolContext)).rejects.toMatchObject({
    code: "bad_input",
  });
  const grouped = "## Tasks\n\n### 1. Build\n- [ ] 1.1 a\n### Test\n- b\n";
  await tool.run({ title: "Groups", content: grouped }, toolContext);
  expect(await repository.git("show", "specloop/groups:openspec/changes/groups/tasks.md")).toBe(
    "# Tasks\n\n## 1. Build\n\n- [ ] 1.1 a\n\n## 2. Test\n\n- [ ] 2.1 b",
  );
});

scenario("changes", "A change is proposed in parts", async () => {
  const repository = await repositoryWith();
  const { orchestrator } = await startOrchestrator(repository);
  const tool = tools(orchestrator).find(({ name }) => name === "proposal_create")!;
  const made = await tool.run(
    {
      title: "Sign in with a key",
      why: "Passwords leak.",
      whatChanges: ["Take keys"],
      design: "Use the platform's keys.",
      tasks: ["Build:", "Take a key", "Check it", "Test:", "Try a wrong one"],
      deltas: [
        {
          capability: "auth",
          operation: "ADDED",
          requirement: "Keys",
          text: "The system SHALL accept keys.",
          scenarios: [{ name: "A key", steps: ["WHEN a key is given", "THEN the user is in"] }],
        },
        {
          capability: "auth",
          operation: "MODIFIED",
          requirement: "Sign in",
          scenarios: [{ name: "locked", steps: ["WHEN it fails five times", "THEN it is locked"] }],
        },
      ],
    },
    toolContext,
  );
  expect(made).toMatchObject({ changeId: "sign-in-with-a-key", valid: true, warnings: [] });
  const read = (name: string) =>
    repository.git("show", `specloop/sign-in-with-a-key:openspec/changes/sign-in-with-a-key/${name}`);
  const main = await repository.git("show", "HEAD:openspec/specs/auth/spec.md");
  const kept = main.slice(main.indexOf("### Requirement: Sign in")).split("### Requirement:")[1]!.trimEnd();
  const spec = await read("specs/auth/spec.md");
  expect(spec).toContain(`### Requirement:${kept}`);
  expect(spec).toContain("#### Scenario: locked\n- **WHEN** it fails five times\n- **THEN** it is locked");
  expect(spec).toContain("#### Scenario: A key\n- **WHEN** a key is given");
  expect(await read("design.md")).toBe("Use the platform's keys.");
  expect(await read("tasks.md")).toBe(
    "# Tasks\n\n## 1. Build\n\n- [ ] 1.1 Take a key\n- [ ] 1.2 Check it\n\n## 2. Test\n\n- [ ] 2.1 Try a wrong one",
  );
  const second = await tool.run(
    {
      title: "Sign in slowly",
      deltas: [{ capability: "auth", operation: "REMOVED", requirement: "Sign in", text: "No." }],
    },
    toolContext,
  );
  expect(second["warnings"]).toEqual(['sign-in-with-a-key touches "Sign in" of auth as well.']);
});

test("a requirement is renamed and modified under its new name in one proposal", async () => {
  const repository = await repositoryWith();
  const { orchestrator } = await startOrchestrator(repository);
  const tool = tools(orchestrator).find(({ name }) => name === "proposal_create")!;
  const deltas = [
    { capability: "auth", operation: "RENAMED", requirement: "Sign in", to: "Enter" },
    { capability: "auth", operation: "MODIFIED", requirement: "Enter", text: "The system SHALL let users enter." },
  ];
  expect(await tool.run({ title: "Rename it", deltas }, toolContext)).toMatchObject({ valid: true });
  const spec = await repository.git("show", "specloop/rename-it:openspec/changes/rename-it/specs/auth/spec.md");
  expect(spec).toContain("- FROM: `### Requirement: Sign in`\n- TO: `### Requirement: Enter`");
  expect(spec).toContain("### Requirement: Enter\nThe system SHALL let users enter.\n\n#### Scenario:");
});

scenario("changes", "A proposal does not fit the specs", async () => {
  const repository = await repositoryWith();
  const { orchestrator } = await startOrchestrator(repository);
  const tool = tools(orchestrator).find(({ name }) => name === "proposal_create")!;
  const refused = async (delta: object) => {
    const input = { title: "Wrong", deltas: [{ capability: "auth", requirement: "Sign in", ...delta }] };
    return tool.run(input, toolContext).then(
      () => "made",
      (error: { code: string; target: string }) => `${error.code} ${error.target}`,
    );
  };
  const scenarios = [{ name: "a", steps: ["WHEN b"] }];
  expect(await refused({ operation: "ADDED", text: "It SHALL.", scenarios })).toBe("bad_input deltas.0.requirement");
  expect(await refused({ operation: "MODIFIED", requirement: "sign in" })).toBe("bad_input deltas.0.requirement");
  expect(await refused({ operation: "RENAMED" })).toBe("bad_input deltas.0.to");
  expect(await refused({ operation: "ADDED", requirement: "New" })).toBe("bad_input deltas.0.text");
  expect(await refused({ operation: "ADDED", requirement: "New", text: "It SHALL." })).toBe(
    "bad_input deltas.0.scenarios",
  );
  const breaking = "It SHALL.\n\n### Requirement: Other\nIt MUST.";
  expect(await refused({ operation: "ADDED", requirement: "New", text: breaking, scenarios })).toBe(
    "bad_input deltas.0",
  );
  expect(await refused({ operation: "ADDED", requirement: "New", text: "No keyword.", scenarios })).toBe(
    "invalid_change wrong",
  );
  const twice = {
    title: "Wrong",
    deltas: [{ capability: "auth", operation: "REMOVED", requirement: "Sign in" }],
    specs: { auth: "x" },
  };
  await expect(tool.run(twice, toolContext)).rejects.toMatchObject({ code: "bad_input", target: "specs" });
  expect(await repository.git("branch", "--list", "specloop/*")).toBe("");
});

test("an id that is taken is refused with one that is free", async () => {
  const repository = await repositoryWith();
  const { orchestrator } = await startOrchestrator(repository);
  const tool = tools(orchestrator).find(({ name }) => name === "proposal_create")!;
  await tool.run({ title: "Add it" }, toolContext);
  await tool.run({ title: "Add it", id: "add-it-2" }, toolContext);
  await expect(tool.run({ title: "Add it" }, toolContext)).rejects.toMatchObject({
    code: "change_exists",
    details: { free: "add-it-3" },
  });
});

test("the tools list, show and check, and their text carries the facts", async () => {
  const repository = await repositoryWith(change("add-it", delta("MODIFIED", "Nowhere"), "- [x] 1.1 b\n- [ ] 1.2 c\n"));
  const { orchestrator } = await startOrchestrator(repository);
  await orchestrator.validated();
  const [list, get, , check] = tools(orchestrator);
  const page = await list!.run({}, toolContext);
  expect(page).toMatchObject({
    total: 1,
    cursor: null,
    changes: [{ id: "add-it", valid: true, mergeability: "would_refuse" }],
  });
  expect(list!.render(page)).toContain("**add-it** implementing: add-it (1/2 tasks, valid, 1 errors, would refuse)");
  const shown = await get!.run({ id: "add-it" }, toolContext);
  expect(get!.render(shown)).toContain("target_missing");
  const verdict = await check!.run({ id: "add-it" }, toolContext);
  expect(check!.render(verdict)).toMatch(/^OpenSpec \d+\.\d+\.\d+ .*valid/);
  await expect(get!.run({ id: "nope" }, toolContext)).rejects.toMatchObject({ code: "unknown_change" });
  await expect(list!.run({ limit: 1000 }, toolContext)).rejects.toThrow();
});

scenario("changes", "A changed change gets a new verdict", async () => {
  const repository = await repositoryWith(change("add-it", delta("ADDED", "It")));
  const { orchestrator, events, told } = await startOrchestrator(repository);
  await orchestrator.validated();
  expect((await orchestrator.get("add-it")).validity).toMatchObject({ current: true, verdict: { valid: true } });
  const { promise: atOnce, resolve } = Promise.withResolvers<unknown>();
  events.on("change.state_changed", () => resolve(orchestrator.get("add-it")));
  // Two tasks with one number: strict OpenSpec warns.
  await repository.write("openspec/changes/add-it/tasks.md", "## 1. A\n\n- [x] 1.1 b\n- [ ] 1.1 c\n");
  expect(await atOnce).toMatchObject({ stage: "implementing", validity: { current: false, verdict: { valid: true } } });
  await orchestrator.settled();
  await orchestrator.validated();
  const { validity } = await orchestrator.get("add-it");
  expect(validity).toMatchObject({ current: true, verdict: { valid: false } });
  expect(validity.verdict?.issues.map(({ level, path }) => [level, path])).toEqual([["WARNING", "tasks.md"]]);
  const validated = told.filter(({ name }) => name === "change.validated").map(({ payload }) => payload);
  expect(validated).toMatchObject([
    { changeId: "add-it", valid: true, errors: 0, warnings: 0 },
    { changeId: "add-it", valid: false, errors: 0, warnings: 1 },
  ]);
});
