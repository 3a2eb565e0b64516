import { execFile } from "node:child_process";
import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { temporaryRepository, type TemporaryRepository } from "../helpers/repository.ts";
import { scenario } from "../helpers/scenario.ts";
import { change, delta, PLANNING, projectRoot, startOrchestrator, stateFolder } from "./setup.ts";

const run = promisify(execFile);
const openspec = join(projectRoot, "node_modules/@fission-ai/openspec/bin/openspec.js");

async function repositoryWith(files: Record<string, string> = {}): Promise<TemporaryRepository> {
  const repository = await temporaryRepository({ ...PLANNING, ...files });
  onTestFinished(() => repository[Symbol.asyncDispose]());
  return repository;
}

async function archive(repository: TemporaryRepository, id: string): Promise<void> {
  const env = { ...process.env, OPENSPEC_TELEMETRY: "0", OPENSPEC_NO_UPDATE_CHECK: "1", HOME: repository.path };
  await run(process.execPath, [openspec, "archive", id, "--yes", "--json"], { cwd: repository.path, env });
}

scenario("changes", "A save moves a change to its next stage", async () => {
  const repository = await repositoryWith(change("add-it", delta("ADDED", "It")));
  const { orchestrator, steps, told } = await startOrchestrator(repository);
  expect(steps()).toEqual(["add-it: null -> planned"]);
  await repository.write("openspec/changes/add-it/tasks.md", "## 1. A\n\n- [x] 1.1 b\n- [ ] 1.2 c\n");
  await orchestrator.settled();
  expect(await orchestrator.get("add-it")).toMatchObject({
    stage: "implementing",
    tasks: { done: 1, total: 2 },
    git: "modified",
  });
  expect(steps()).toEqual(["add-it: planned -> implementing"]);
  const settled = told.filter(({ name }) => name === "watch.settled").at(-1);
  expect(settled?.payload).toMatchObject({ paths: ["openspec/changes/add-it/tasks.md"], refsMoved: false });
});

scenario("changes", "An archive is one step", async () => {
  const repository = await repositoryWith(change("add-it", delta("ADDED", "It"), "- [x] 1.1 b\n"));
  const { orchestrator, steps, told } = await startOrchestrator(repository);
  expect(steps()).toEqual(["add-it: null -> implemented"]);
  const before = told.filter(({ name }) => name === "watch.settled").length;
  await archive(repository, "add-it");
  await orchestrator.settled();
  expect(steps()).toEqual(["add-it: implemented -> archived"]);
  expect(told.filter(({ name }) => name === "watch.settled")).toHaveLength(before + 1);
  expect((await orchestrator.list()).total).toBe(0);
  expect((await orchestrator.list({ stage: "archived" })).changes.map(({ id }) => id)).toEqual(["add-it"]);
  expect(await orchestrator.get("add-it")).toMatchObject({
    stage: "archived",
    path: expect.stringMatching(/^openspec\/changes\/archive\/\d{4}-\d{2}-\d{2}-add-it$/),
  });
});

scenario("changes", "Another branch is checked out", async () => {
  const repository = await repositoryWith();
  await repository.git("switch", "--quiet", "--create", "work");
  for (const [path, text] of Object.entries(change("add-it", delta("ADDED", "It")))) await repository.write(path, text);
  await repository.commitAll("Plan it");
  const { orchestrator, steps } = await startOrchestrator(repository);
  expect(steps()).toEqual(["add-it: null -> planned"]);
  await repository.git("switch", "--quiet", "main");
  await orchestrator.settled();
  expect((await orchestrator.list({ includeArchived: true })).changes).toEqual([]);
  expect(steps()).toEqual(["add-it: planned -> null"]);
  await repository.git("switch", "--quiet", "work");
  await orchestrator.settled();
  expect(await orchestrator.get("add-it")).toMatchObject({ stage: "planned", git: "committed" });
  expect(steps()).toEqual(["add-it: null -> planned"]);
});

scenario("changes", "Changes are edited while the daemon is off", async () => {
  const repository = await repositoryWith({
    ...change("add-one", delta("ADDED", "One"), "- [x] 1.1 b\n"),
    ...change("add-two", delta("ADDED", "Two")),
    ...change("add-three", delta("ADDED", "Three")),
  });
  const state = await stateFolder();
  const first = await startOrchestrator(repository, { state });
  await first.orchestrator.validated();
  await first[Symbol.asyncDispose]();
  await archive(repository, "add-one");
  await rm(join(repository.path, "openspec/changes/add-two"), { recursive: true });
  const second = await startOrchestrator(repository, { state });
  expect(second.steps().sort()).toEqual(["add-one: implemented -> archived", "add-two: planned -> abandoned"]);
  expect(second.told.filter(({ name }) => name === "change.findings_changed").map(({ payload }) => payload)).toEqual([
    expect.objectContaining({ changeId: "add-one", added: [], standing: 0 }),
  ]);
  await second.orchestrator.validated();
  await second[Symbol.asyncDispose]();
  const third = await startOrchestrator(repository, { state });
  // The verdict is remembered too, for it was given for what is there now.
  const remembered = await third.orchestrator.get("add-three");
  expect(remembered.validity).toMatchObject({ current: true, verdict: { valid: true } });
  expect(third.told.map(({ name }) => name)).not.toContain("change.validated");
  expect(third.steps()).toEqual([]);
});

test("a change whose folder is deleted is abandoned, and is itself again when it returns", async () => {
  const repository = await repositoryWith(change("add-it", delta("ADDED", "It")));
  const { orchestrator, steps } = await startOrchestrator(repository);
  steps();
  const folder = join(repository.path, "openspec/changes/add-it");
  await rename(folder, join(repository.path, "aside"));
  await orchestrator.settled();
  expect(steps()).toEqual(["add-it: planned -> abandoned"]);
  expect((await orchestrator.list({ stage: "abandoned" })).changes.map(({ id }) => id)).toEqual(["add-it"]);
  expect(await orchestrator.get("add-it")).toMatchObject({ stage: "abandoned" });
  await rename(join(repository.path, "aside"), folder);
  await orchestrator.settled();
  expect(steps()).toEqual(["add-it: abandoned -> planned"]);
});

test("a stash and its return, a commit and a rename leave no wrong trace", async () => {
  const repository = await repositoryWith(change("add-it", delta("ADDED", "It")));
  const { orchestrator, steps } = await startOrchestrator(repository);
  steps();
  await repository.write("openspec/changes/add-it/tasks.md", "- [x] 1.1 b\n");
  await orchestrator.settled();
  await repository.git("stash");
  await orchestrator.settled();
  await repository.git("stash", "pop");
  await orchestrator.settled();
  expect(steps()).toEqual([
    "add-it: planned -> implemented",
    "add-it: implemented -> planned",
    "add-it: planned -> implemented",
  ]);
  expect((await orchestrator.get("add-it")).git).toBe("modified");
  await repository.commitAll("Do it");
  await orchestrator.settled();
  expect((await orchestrator.get("add-it")).git).toBe("committed");
  await repository.git("mv", "openspec/changes/add-it", "openspec/changes/add-that");
  await orchestrator.settled();
  expect(steps().sort()).toEqual(["add-it: implemented -> abandoned", "add-that: null -> implemented"]);
});

test("git's place of a change: untracked, ignored extras, CRLF", async () => {
  const repository = await repositoryWith({ ".gitignore": "*.log\n", ...change("add-it", delta("ADDED", "It")) });
  const { orchestrator } = await startOrchestrator(repository);
  expect((await orchestrator.get("add-it")).git).toBe("committed");
  await repository.write("openspec/changes/add-it/run.log", "noise");
  await orchestrator.settled();
  expect((await orchestrator.get("add-it")).git).toBe("committed");
  // A checkout with core.autocrlf has other bytes than git, and is the same.
  await repository.git("config", "core.autocrlf", "true");
  const tasks = change("add-it", "")["openspec/changes/add-it/tasks.md"]!;
  await repository.write("openspec/changes/add-it/tasks.md", tasks.replaceAll("\n", "\r\n"));
  await orchestrator.settled();
  expect((await orchestrator.get("add-it")).git).toBe("committed");
  await repository.write("openspec/changes/add-it/note.md", "# Note\n");
  for (const [path, text] of Object.entries(change("add-new", delta("ADDED", "New"))))
    await repository.write(path, text);
  await orchestrator.settled();
  expect((await orchestrator.get("add-it")).git).toBe("modified");
  expect((await orchestrator.get("add-new")).git).toBe("untracked");
});

test("several planning roots, and the same id in two of them", async () => {
  const inner = Object.fromEntries(
    Object.entries({ ...PLANNING, ...change("add-it", delta("ADDED", "It")) }).map(([path, text]) => [
      `packages/a/${path}`,
      text,
    ]),
  );
  const repository = await repositoryWith({ ...inner, ...change("add-it", delta("ADDED", "It"), "- [x] 1.1 b\n") });
  await repository.write("node_modules/x/openspec/config.yaml", "schema: spec-driven\n");
  const { orchestrator } = await startOrchestrator(repository);
  const { changes } = await orchestrator.list();
  expect(changes.map(({ root, stage }) => [root, stage])).toEqual([
    ["openspec", "implemented"],
    ["packages/a/openspec", "planned"],
  ]);
  await expect(orchestrator.get("add-it")).rejects.toMatchObject({ code: "ambiguous_target" });
  expect(await orchestrator.get("add-it", "packages/a/openspec")).toMatchObject({ stage: "planned" });
  await repository.write("packages/a/openspec/changes/add-it/tasks.md", "- [x] 1.1 b\n- [ ] 1.2 c\n");
  await orchestrator.settled();
  expect(await orchestrator.get("add-it", "packages/a/openspec")).toMatchObject({ stage: "implementing" });
});

test("a repository without openspec/ works, and its first change is noticed", async () => {
  const repository = await temporaryRepository({ "README.md": "# Example\n" });
  onTestFinished(() => repository[Symbol.asyncDispose]());
  const { orchestrator } = await startOrchestrator(repository);
  expect((await orchestrator.list()).total).toBe(0);
  for (const [path, text] of Object.entries({ ...PLANNING, ...change("add-it", delta("ADDED", "It")) })) {
    await repository.write(path, text);
  }
  for (let tries = 0; tries < 50 && (await orchestrator.list()).total === 0; tries += 1) await orchestrator.settled();
  await orchestrator.refresh();
  expect((await orchestrator.get("add-it")).stage).toBe("planned");
  await repository.write("openspec/changes/add-it/tasks.md", "- [x] 1.1 b\n");
  await orchestrator.settled();
  expect((await orchestrator.get("add-it")).stage).toBe("implemented");
});

test("watchPath names the root, also by its changes folder, and must stay inside", async () => {
  const repository = await repositoryWith(change("add-it", delta("ADDED", "It")));
  await repository.write("packages/a/openspec/changes/other/proposal.md", "## Why\n");
  const named = await startOrchestrator(repository, { options: { watchPath: "./openspec/changes/" } });
  expect((await named.orchestrator.list()).changes.map(({ id }) => id)).toEqual(["add-it"]);
  const absolute = join(repository.path, "packages/a/openspec");
  const other = await startOrchestrator(repository, { options: { watchPath: absolute } });
  expect((await other.orchestrator.list()).changes.map(({ id }) => id)).toEqual(["other"]);
  await expect(startOrchestrator(repository, { options: { watchPath: "../openspec" } })).rejects.toMatchObject({
    code: "path_outside_root",
  });
  await expect(startOrchestrator(repository, { options: { watchPath: "packages" } })).rejects.toMatchObject({
    code: "bad_config",
  });
});

test("pages through changes with an opaque cursor", async () => {
  const files = Array.from({ length: 25 }, (_item, index) =>
    change(`change-${String(index).padStart(2, "0")}`, delta("ADDED", `It ${index}`)),
  );
  const repository = await repositoryWith(Object.assign({}, ...files) as Record<string, string>);
  const { orchestrator } = await startOrchestrator(repository, { options: { validator: "off" } });
  const first = await orchestrator.list();
  expect(first).toMatchObject({ total: 25, cursor: expect.any(String) });
  expect(first.changes).toHaveLength(20);
  const second = await orchestrator.list({ cursor: first.cursor! });
  expect(second.cursor).toBeNull();
  expect([...first.changes, ...second.changes].map(({ id }) => id)).toEqual(
    files.map((_item, index) => `change-${String(index).padStart(2, "0")}`),
  );
  await expect(orchestrator.list({ cursor: "nonsense" })).rejects.toMatchObject({ code: "bad_input" });
  await expect(orchestrator.get("no-such")).rejects.toMatchObject({ code: "unknown_change" });
});
