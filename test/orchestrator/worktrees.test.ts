import { mkdir, mkdtemp, realpath, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { temporaryRepository, type TemporaryRepository } from "../helpers/repository.ts";
import { scenario } from "../helpers/scenario.ts";
import { change, delta, PLANNING, startOrchestrator } from "./setup.ts";

async function repository(files: Record<string, string> = {}): Promise<TemporaryRepository> {
  const made = await temporaryRepository({ ...PLANNING, ...files });
  onTestFinished(() => made[Symbol.asyncDispose]());
  return made;
}

async function folder(): Promise<string> {
  const made = await realpath(await mkdtemp(join(tmpdir(), "specloop-place-")));
  onTestFinished(() => rm(made, { recursive: true, force: true }));
  return made;
}

async function write(top: string, files: Record<string, string>): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(top, path)), { recursive: true });
    await writeFile(join(top, path), content);
  }
}

const DONE = "## 1. A\n\n- [x] 1.1 b\n- [x] 1.2 c\n";

scenario("changes", "An agent works in another worktree", async () => {
  const main = await repository(change("add-it", delta("ADDED", "It")));
  const feature = join(await folder(), "feature");
  await main.git("worktree", "add", "--quiet", "-b", "feature", feature);
  const { orchestrator, steps } = await startOrchestrator(main);
  // What every worktree has in common is shown once.
  expect((await orchestrator.list()).changes.map(({ id, root }) => [id, root])).toEqual([["add-it", "openspec"]]);
  expect(orchestrator.roots()).toEqual(["feature:openspec", "openspec"]);
  steps();

  await write(feature, change("add-other", delta("ADDED", "Other")));
  await write(feature, { "openspec/changes/add-it/tasks.md": DONE });
  await orchestrator.settled();
  expect((await orchestrator.list()).changes.map(({ id, root, stage }) => [id, root, stage])).toEqual([
    ["add-it", "feature:openspec", "implemented"],
    ["add-other", "feature:openspec", "planned"],
    ["add-it", "openspec", "planned"],
  ]);
  expect(steps().sort()).toEqual(["add-it: null -> implemented", "add-other: null -> planned"]);
  expect((await orchestrator.get("add-other")).root).toBe("feature:openspec");
  // The served version comes first; who works there gets the one that is there.
  expect((await orchestrator.get("add-it")).stage).toBe("planned");
  expect((await orchestrator.get("add-it", undefined, feature)).stage).toBe("implemented");
  expect((await orchestrator.get("add-it", "feature:openspec")).stage).toBe("implemented");

  await main.git("-C", feature, "add", "--all");
  await main.git("-C", feature, "commit", "--quiet", "--message", "Done");
  await main.git("merge", "--quiet", "feature");
  await orchestrator.settled();
  expect((await orchestrator.list()).changes.map(({ id, root, stage }) => [id, root, stage])).toEqual([
    ["add-it", "openspec", "implemented"],
    ["add-other", "openspec", "planned"],
  ]);
});

scenario("changes", "Changes in two worktrees touch one requirement", async () => {
  const main = await repository(change("change-a", delta("MODIFIED", "Sign in")));
  const feature = join(await folder(), "feature");
  await main.git("worktree", "add", "--quiet", "-b", "feature", feature);
  const { orchestrator } = await startOrchestrator(main);
  expect((await orchestrator.get("change-a")).mergeability.overlaps).toEqual([]);
  await write(feature, change("change-b", delta("MODIFIED", "Sign in")));
  await orchestrator.settled();
  const touched = { capability: "auth", requirement: "Sign in" };
  expect((await orchestrator.get("change-a")).mergeability.overlaps).toMatchObject([
    { change: "change-b (worktree feature)", ...touched },
  ]);
  expect((await orchestrator.get("change-b")).mergeability.overlaps).toMatchObject([
    { change: "change-a", ...touched },
  ]);
  await rm(join(feature, "openspec/changes/change-b"), { recursive: true });
  await orchestrator.settled();
  expect((await orchestrator.get("change-a")).mergeability.overlaps).toEqual([]);
});

scenario("changes", "A worktree comes and goes", async () => {
  const main = await repository();
  const { orchestrator, steps } = await startOrchestrator(main);
  const place = await folder();
  await main.git("worktree", "add", "--quiet", "--detach", join(place, "late"));
  await write(join(place, "late"), change("add-late", delta("ADDED", "Late")));
  await expect.poll(() => orchestrator.roots(), { timeout: 10_000 }).toContain("late:openspec");
  await orchestrator.settled();
  expect((await orchestrator.get("add-late")).root).toBe("late:openspec");
  await main.git("worktree", "remove", "--force", join(place, "late"));
  await expect.poll(() => orchestrator.roots(), { timeout: 10_000 }).toEqual(["openspec"]);
  await expect(orchestrator.get("add-late")).rejects.toMatchObject({ code: "unknown_change" });
  expect(steps()).toEqual(["add-late: null -> planned", "add-late: planned -> null"]);
});

test("a worktree inside the main one is a worktree and no second root, also under a hidden folder", async () => {
  const main = await repository(change("add-it", delta("ADDED", "It")));
  await main.write(".gitignore", "trees/\n.hidden/\n");
  await main.git("worktree", "add", "--quiet", "-b", "inside", "trees/inside");
  await main.git("worktree", "add", "--quiet", "-b", "hidden", ".hidden/hidden");
  const { orchestrator } = await startOrchestrator(main);
  expect(orchestrator.roots()).toEqual(["hidden:openspec", "inside:openspec", "openspec"]);
  expect((await orchestrator.list()).total).toBe(1);
});

test("served from a linked worktree, the main one is the other place", async () => {
  const main = await repository(change("add-it", delta("ADDED", "It")));
  const feature = join(await folder(), "feature");
  await main.git("worktree", "add", "--quiet", "-b", "feature", feature);
  await write(main.path, change("add-here", delta("ADDED", "Here")));
  const { orchestrator } = await startOrchestrator({ ...main, path: feature });
  const [found] = orchestrator.roots().filter((root) => root !== "openspec");
  expect((await orchestrator.get("add-here")).root).toBe(found);
  expect(found).toBe(`${main.path.split("/").at(-1)}:openspec`);
});

scenario("changes", "A planning folder lies in a submodule", async () => {
  const inner = await repository(change("add-inner", delta("ADDED", "Inner")));
  const main = await repository(change("add-it", delta("ADDED", "It")));
  await main.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", inner.path, "libs/inner");
  await main.commitAll("Add the library");
  const { orchestrator } = await startOrchestrator(main);
  expect(orchestrator.roots()).toEqual(["libs/inner/openspec", "openspec"]);
  expect(await orchestrator.get("add-inner")).toMatchObject({ root: "libs/inner/openspec", git: "committed" });
  await main.write("libs/inner/openspec/changes/add-inner/tasks.md", DONE);
  await orchestrator.settled();
  expect(await orchestrator.get("add-inner")).toMatchObject({ stage: "implemented", git: "modified" });
  // The submodule by itself is a repository like any other.
  await using own = await startOrchestrator({ ...main, path: join(main.path, "libs/inner") });
  expect(own.orchestrator.roots()).toEqual(["openspec"]);
});

test("a clone inside the repository is nobody's here", async () => {
  const main = await repository(change("add-it", delta("ADDED", "It")));
  const inner = await repository(change("add-inner", delta("ADDED", "Inner")));
  await main.git("clone", "--quiet", inner.path, "clone");
  const { orchestrator } = await startOrchestrator(main);
  expect(orchestrator.roots()).toEqual(["openspec"]);
});

async function store(id: string, data: string): Promise<TemporaryRepository> {
  const plans = await repository({
    ...change("add-plan", delta("ADDED", "Plan")),
    ".openspec-store/store.yaml": `version: 1\nid: ${id}\n`,
  });
  const entry = `  ${id}:\n    backend:\n      type: git\n      local_path: ${plans.path}\n`;
  await write(data, { "openspec/stores/registry.yaml": `version: 1\nstores:\n${entry}` });
  return plans;
}

scenario("changes", "The planning lies in a registered store", async () => {
  const data = await folder();
  const plans = await store("plans", data);
  const main = await temporaryRepository({ "openspec/config.yaml": "store: plans\n" });
  onTestFinished(() => main[Symbol.asyncDispose]());
  const { orchestrator } = await startOrchestrator(main, { env: { ...process.env, XDG_DATA_HOME: data } });
  expect(await orchestrator.get("add-plan")).toMatchObject({ root: "store:plans", git: "committed" });
  await plans.write("openspec/changes/add-plan/tasks.md", DONE);
  await orchestrator.settled();
  expect(await orchestrator.get("add-plan")).toMatchObject({ stage: "implemented", git: "modified" });
  const draft = {
    id: "add-more",
    title: "More",
    why: "So",
    whatChanges: ["It"],
    impact: [],
    tasks: [],
    deltas: [],
    skipSpecs: true,
    extraFiles: {},
  };
  const who = { principal: { kind: "agent" as const, name: "a" }, trailers: {} };
  await expect(orchestrator.propose(draft, who, "store:plans")).rejects.toMatchObject({
    code: "root_elsewhere",
    message: `store:plans (${plans.path}/openspec) is followed and not written from here.`,
  });
  expect(await plans.git("branch", "--list", "specloop/*")).toBe("");
});

scenario("changes", "Only the person's own registry leads out of the repository", async () => {
  const data = await folder();
  const plans = await store("plans", data);
  const main = await temporaryRepository({ "openspec/config.yaml": "store: plans\n" });
  onTestFinished(() => main[Symbol.asyncDispose]());
  const rootsWith = async (env: NodeJS.ProcessEnv) => {
    await using running = await startOrchestrator(main, { env: { ...process.env, ...env } });
    return running.orchestrator.roots();
  };
  const registered = { XDG_DATA_HOME: data };
  expect(await rootsWith(registered)).toEqual(["openspec", "store:plans"]);
  expect(await rootsWith({ XDG_DATA_HOME: await folder() })).toEqual(["openspec"]);
  // A registry that came with the repository, whatever direnv and the like make of it.
  await write(main.path, {
    "data/openspec/stores/registry.yaml": `stores:\n  plans:\n    backend:\n      local_path: ${plans.path}\n`,
  });
  expect(await rootsWith({ XDG_DATA_HOME: join(main.path, "data") })).toEqual(["openspec"]);
  // Another name than the store gives itself, a path that is gone, a folder that is a root itself, a name with a path in it.
  await plans.write(".openspec-store/store.yaml", "id: others\n");
  expect(await rootsWith(registered)).toEqual(["openspec"]);
  await plans.write(".openspec-store/store.yaml", "id: plans\n");
  await main.write("openspec/specs/.gitkeep", "");
  expect(await rootsWith(registered)).toEqual(["openspec"]);
  await rm(join(main.path, "openspec/specs"), { recursive: true });
  await main.write("openspec/config.yaml", "store: ../../plans\n");
  expect(await rootsWith(registered)).toEqual(["openspec"]);
  await main.write("openspec/config.yaml", "store: plans\n");
  await rename(plans.path, `${plans.path}-moved`);
  expect(await rootsWith(registered)).toEqual(["openspec"]);
  await rename(`${plans.path}-moved`, plans.path);
});
