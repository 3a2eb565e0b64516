import { join } from "node:path";
import { expect, test } from "vitest";
import { openGit } from "../../../src/adapters/git/index.ts";
import { temporaryRepository, type TemporaryRepository } from "../../helpers/repository.ts";

/** Two branches that change the same line, with `main` checked out. */
async function conflicting(): Promise<TemporaryRepository> {
  const repository = await temporaryRepository({ "a.md": "base\n", "b.md": "b\n" });
  await repository.git("switch", "--quiet", "--create", "side");
  await repository.write("a.md", "side\n");
  await repository.commitAll("Side");
  await repository.git("switch", "--quiet", "main");
  await repository.write("a.md", "main\n");
  await repository.commitAll("Main");
  return repository;
}

const BUSY: [string, string, (repository: TemporaryRepository) => Promise<unknown>][] = [
  ["a merge", "merge", (repository) => repository.git("merge", "side").catch(() => {})],
  ["a rebase", "rebase", (repository) => repository.git("rebase", "side").catch(() => {})],
  [
    "a rebase with the apply backend",
    "rebase",
    (repository) => repository.git("rebase", "--apply", "side").catch(() => {}),
  ],
  ["a cherry-pick", "cherry-pick", (repository) => repository.git("cherry-pick", "side").catch(() => {})],
  [
    "a revert",
    "revert",
    async (repository) => {
      await repository.write("a.md", "newer\n");
      await repository.commitAll("Newer");
      await repository.git("revert", "HEAD~1").catch(() => {});
    },
  ],
  ["a bisect", "bisect", (repository) => repository.git("bisect", "start")],
  [
    "an am",
    "am",
    async (repository) => {
      const patch = await repository.git("format-patch", "-1", "side", "--stdout");
      await repository.write("../patch.mbox", `${patch}\n`);
      await repository.git("am", "../patch.mbox").catch(() => {});
    },
  ],
];

test.each(BUSY)("%s in progress is told, and no commit is made in it", async (_name, operation, begin) => {
  await using repository = await conflicting();
  const git = await openGit(repository.path);
  await begin(repository);
  expect(await git.state()).toEqual({ kind: "busy", operation });
  const head = await repository.git("rev-parse", "HEAD");
  await repository.write("b.md", "ours\n");
  const failure = git.commitOnly({ paths: ["b.md"], message: "Ours", trailers: {} });
  await expect(failure).rejects.toMatchObject({ code: "git_busy", fix: expect.stringContaining(`git ${operation}`) });
  expect(await repository.git("rev-parse", "HEAD")).toBe(head);
});

test("between two picks of a series git is still busy", async () => {
  await using repository = await conflicting();
  const git = await openGit(repository.path);
  await repository.git("cherry-pick", "side", "side~1").catch(() => {});
  await repository.write("a.md", "resolved\n");
  await repository.git("add", "a.md");
  await repository.git("commit", "--quiet", "--message", "Resolved by hand");
  expect(await git.state()).toEqual({ kind: "busy", operation: "cherry-pick" });
});

test("a detached HEAD is told, and no commit is made on it", async () => {
  await using repository = await conflicting();
  const git = await openGit(repository.path);
  await repository.git("switch", "--quiet", "--detach");
  expect(await git.state()).toEqual({ kind: "detached" });
  expect(await git.head()).toEqual({ commit: await repository.git("rev-parse", "HEAD"), branch: null });
  await repository.write("b.md", "ours\n");
  await expect(git.commitOnly({ paths: ["b.md"], message: "Ours", trailers: {} })).rejects.toMatchObject({
    code: "git_busy",
  });
});

test("a linked worktree has its own state and branch", async () => {
  await using repository = await conflicting();
  await using place = await temporaryRepository();
  const path = join(place.path, "linked");
  await repository.git("worktree", "add", "--quiet", path, "side");
  await repository.git("rebase", "side").catch(() => {});
  const linked = await openGit(path);
  expect(linked.places).toEqual({
    worktree: path,
    commonDirectory: join(repository.path, ".git"),
    gitDirectory: join(repository.path, ".git/worktrees/linked"),
  });
  expect(await linked.state()).toEqual({ kind: "clean", branch: "side" });
});

test("a packed branch and a branch with slashes are clean", async () => {
  await using repository = await conflicting();
  const git = await openGit(repository.path);
  await repository.git("switch", "--quiet", "--create", "feature/x");
  await repository.git("pack-refs", "--all");
  expect(await git.state()).toEqual({ kind: "clean", branch: "feature/x" });
});
