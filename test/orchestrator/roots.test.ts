import { chmod, mkdir, mkdtemp, realpath, rename, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { temporaryRepository, type TemporaryRepository } from "../helpers/repository.ts";
import { scenario } from "../helpers/scenario.ts";
import { change, delta, PLANNING, startOrchestrator } from "./setup.ts";

const DONE = "## 1. A\n\n- [x] 1.1 b\n- [x] 1.2 c\n";
const PLAN = { ...PLANNING, ...change("add-it", delta("ADDED", "It")) };

async function repository(files: Record<string, string> = PLAN): Promise<TemporaryRepository> {
  const made = await temporaryRepository(files);
  onTestFinished(() => made[Symbol.asyncDispose]());
  return made;
}

async function folder(): Promise<string> {
  const made = await realpath(await mkdtemp(join(tmpdir(), "specloop-odd-")));
  onTestFinished(() => rm(made, { recursive: true, force: true }));
  return made;
}

/** A repository in one of the states that git knows, and what git then says of its change. */
const STATES: [string, () => Promise<string>, "committed" | "untracked"][] = [
  [
    "HEAD is detached",
    async () => {
      const made = await repository();
      await made.git("switch", "--quiet", "--detach");
      return made.path;
    },
    "committed",
  ],
  [
    "the branch has no commit yet",
    async () => {
      const made = await repository({});
      for (const [path, content] of Object.entries(PLAN)) await made.write(path, content);
      return made.path;
    },
    "untracked",
  ],
  [
    "the clone is shallow",
    async () => {
      const made = await repository();
      await made.git("commit", "--quiet", "--allow-empty", "--message", "Two");
      const clone = join(await folder(), "clone");
      await made.git("clone", "--quiet", "--depth", "1", `file://${made.path}`, clone);
      return clone;
    },
    "committed",
  ],
  [
    "objects are fetched when they are needed",
    async () => {
      const made = await repository();
      await made.git("config", "uploadpack.allowFilter", "true");
      const clone = join(await folder(), "clone");
      await made.git("clone", "--quiet", "--filter=blob:none", `file://${made.path}`, clone);
      return clone;
    },
    "committed",
  ],
  [
    "the git directory lies apart",
    async () => {
      const made = await repository();
      const place = await folder();
      await made.git(
        "clone",
        "--quiet",
        `--separate-git-dir=${join(place, "apart.git")}`,
        made.path,
        join(place, "work"),
      );
      return join(place, "work");
    },
    "committed",
  ],
  [
    "only some folders are checked out",
    async () => {
      const made = await repository({ ...PLAN, "other/file.md": "x\n" });
      await made.git("sparse-checkout", "set", "--sparse-index", "openspec");
      return made.path;
    },
    "committed",
  ],
  [
    "a rebase stopped at a conflict",
    async () => {
      const made = await repository();
      await made.git("switch", "--quiet", "--create", "side");
      await made.write("README.md", "side\n");
      await made.commitAll("Side");
      await made.git("switch", "--quiet", "main");
      await made.write("README.md", "main\n");
      await made.commitAll("Main");
      await made.git("rebase", "side").catch(() => undefined);
      return made.path;
    },
    "committed",
  ],
];

test.each(STATES)("%s", async (_name, make, place) => {
  const path = await make();
  const base = await repository({});
  const { orchestrator, steps } = await startOrchestrator({ ...base, path });
  expect(await orchestrator.get("add-it")).toMatchObject({ stage: "planned", git: place });
  steps();
  await base.write(`../${path.slice(tmpdir().length + 1)}/openspec/changes/add-it/tasks.md`, DONE);
  await orchestrator.settled();
  expect(steps()).toEqual(["add-it: planned -> implemented"]);
  expect((await orchestrator.get("add-it")).git).toBe(place === "untracked" ? "untracked" : "modified");
});

test("a repository that is reached through a symbolic link, with git's variables set for another one", async () => {
  const made = await repository();
  const link = join(await folder(), "link");
  await symlink(made.path, link);
  const set = { GIT_DIR: "/nowhere/.git", GIT_WORK_TREE: "/nowhere", GIT_INDEX_FILE: "/nowhere/index" };
  Object.assign(process.env, set);
  onTestFinished(() => {
    for (const name of Object.keys(set)) delete process.env[name];
  });
  const { orchestrator, git } = await startOrchestrator({ ...made, path: link });
  expect(git.places.worktree).toBe(made.path);
  expect(await orchestrator.get("add-it")).toMatchObject({ root: "openspec", git: "committed" });
});

scenario("changes", "Files of every kind are read as they are", async () => {
  const text = delta("ADDED", "Anmeldung für 用户登录");
  const crlf = (value: string) => value.replaceAll("\n", "\r\n");
  const files = {
    ...PLANNING,
    ...change("chinese", delta("ADDED", "用户登录")),
    ...Object.fromEntries(Object.entries(change("crlf", text)).map(([path, content]) => [path, crlf(content)])),
    ...Object.fromEntries(Object.entries(change("bom", text)).map(([path, content]) => [path, `\uFEFF${content}`])),
    ...change("TERMSTATEV1-IMPL-1", delta("ADDED", "Other")),
    ...change("with space", delta("ADDED", "Spaced")),
    "openspec/changes/chinese/plan.json": "{}\n",
    "openspec/changes/chinese/证据/截图.md": "# 截图\n",
    "openspec/changes/IMPLEMENTATION_ORDER.md": "# Order\n",
    "openspec/changes/chinese/evidence.md": `# Long\n\n${"一二三四五六七八九十\n".repeat(22_000)}`,
  };
  const made = await repository(files);
  const { orchestrator } = await startOrchestrator(made);
  const { changes } = await orchestrator.list();
  expect(changes.map(({ id, stage, git }) => [id, stage, git])).toEqual([
    ["TERMSTATEV1-IMPL-1", "planned", "committed"],
    ["bom", "planned", "committed"],
    ["chinese", "planned", "committed"],
    ["crlf", "planned", "committed"],
    ["with space", "planned", "committed"],
  ]);
  for (const [id, requirement] of [
    ["chinese", "用户登录"],
    ["crlf", "Anmeldung für 用户登录"],
    ["bom", "Anmeldung für 用户登录"],
  ] as const) {
    const { deltas, tasks, findings } = await orchestrator.get(id);
    expect(deltas.map((found) => found.requirement)).toEqual([requirement]);
    expect(tasks).toEqual({ done: 0, total: 2 });
    expect(findings.filter(({ severity }) => severity === "error")).toEqual([]);
  }
});

scenario("changes", "Links lead nowhere", async () => {
  const made = await repository();
  const outside = await folder();
  const secret = await repository(change("secret", delta("ADDED", "Secret")));
  const changes = join(made.path, "openspec/changes");
  await symlink(join(secret.path, "openspec/changes/secret"), join(changes, "linked"));
  await symlink(changes, join(changes, "add-it/ring"));
  await symlink("loop", join(changes, "add-it/loop"));
  await symlink(join(secret.path, "openspec/changes/secret/proposal.md"), join(changes, "add-it/leak.md"));
  await symlink(outside, join(made.path, "openspec/specs/outside"));
  await mkdir(join(changes, "closed"));
  await chmod(join(changes, "closed"), 0);
  onTestFinished(() => chmod(join(changes, "closed"), 0o700).catch(() => undefined));
  const { orchestrator, steps } = await startOrchestrator(made);
  expect((await orchestrator.list()).changes.map(({ id }) => id)).toEqual(["add-it", "closed"]);
  const { findings } = await orchestrator.get("add-it");
  expect(JSON.stringify(findings)).toContain("leak.md");
  expect(JSON.stringify(await orchestrator.get("add-it"))).not.toContain("# secret");
  steps();
  await made.write("openspec/changes/add-it/tasks.md", DONE);
  await orchestrator.settled();
  expect(steps()).toEqual(["add-it: planned -> implemented"]);
});

test("a link as openspec/ is not followed", async () => {
  const made = await repository({ "README.md": "x\n" });
  const other = await repository();
  await symlink(join(other.path, "openspec"), join(made.path, "openspec"));
  const { orchestrator } = await startOrchestrator(made);
  expect((await orchestrator.list()).total).toBe(0);
});

test("folders that are renamed and removed while they are read leave the state that is there in the end", async () => {
  const many = Array.from({ length: 60 }, (_item, index) => change(`change-${index}`, delta("ADDED", `New ${index}`)));
  const made = await repository({ ...PLANNING, ...(Object.assign({}, ...many) as Record<string, string>) });
  const { orchestrator } = await startOrchestrator(made);
  const changes = join(made.path, "openspec/changes");
  const looks = Promise.all(Array.from({ length: 10 }, () => orchestrator.refresh()));
  for (let index = 0; index < 60; index += 1) {
    const from = join(changes, `change-${index}`);
    if (index % 3 === 0) await rename(from, join(changes, `moved-${index}`));
    if (index % 3 === 1) await rm(from, { recursive: true });
    if (index % 3 === 2) await rm(join(from, "proposal.md"));
  }
  await looks;
  await orchestrator.settled();
  const { changes: left } = await orchestrator.list({ limit: 100 });
  const expected = Array.from({ length: 60 }, (_item, index) => index).flatMap((index) =>
    index % 3 === 0 ? [`moved-${index}`] : index % 3 === 1 ? [] : [`change-${index}`],
  );
  expect(left.map(({ id }) => id)).toEqual(expected.sort());
  expect(left.filter(({ title }) => title === null).map(({ id }) => id)).toEqual(
    expected.filter((id) => id.startsWith("change-")),
  );
});

test("a planning folder that is a submodule itself is shown", async () => {
  const inner = await repository(
    Object.fromEntries(Object.entries(PLAN).map(([path, text]) => [path.slice("openspec/".length), text])),
  );
  const made = await repository({ "README.md": "x\n" });
  await made.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", inner.path, "openspec");
  await made.commitAll("Add the planning");
  const { orchestrator } = await startOrchestrator(made);
  expect(await orchestrator.get("add-it")).toMatchObject({ root: "openspec", stage: "planned" });
  await made.write("openspec/changes/add-it/tasks.md", DONE);
  await orchestrator.settled();
  expect((await orchestrator.get("add-it")).stage).toBe("implemented");
});
