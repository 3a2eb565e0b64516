import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { chmod } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openGit } from "../../../src/adapters/git/index.ts";
import { temporaryRepository, type TemporaryRepository } from "../../helpers/repository.ts";

const ref = "refs/heads/specloop/x";

function request(files: Record<string, string | null>, more: object = {}) {
  return {
    ref,
    parent: "HEAD",
    expected: null,
    files: new Map(Object.entries(files)),
    message: "Propose",
    trailers: { "Specloop-Edit": "e-1" },
    ...more,
  };
}

async function surroundings(repository: TemporaryRepository) {
  const index = createHash("sha256")
    .update(readFileSync(join(repository.path, ".git/index")))
    .digest("hex");
  return {
    index,
    head: readFileSync(join(repository.path, ".git/HEAD"), "utf8"),
    status: await repository.git("--no-optional-locks", "status", "--porcelain=v2"),
  };
}

test("commits to a branch while HEAD, index and working tree stay byte for byte", async () => {
  await using repository = await temporaryRepository({ "a.md": "a\n", "docs/deep/b.md": "b\n", "docs/c.md": "c\n" });
  const git = await openGit(repository.path);
  await repository.write("a.md", "half done\n");
  await repository.write("docs/c.md", "staged\n");
  await repository.git("add", "docs/c.md");
  await repository.write("new.md", "untracked\n");
  const before = await surroundings(repository);
  const files = { "a.md": "proposed\n", "docs/deep/b.md": null, 'neu 文档/-d "q" \\.md': "ü\n" };
  const commit = await git.commitToBranch(request(files, { author: "Ada Example <ada@example.org>" }));
  expect(await surroundings(repository)).toEqual(before);
  expect(await git.branches("refs/heads/specloop/")).toEqual(new Map([[ref, commit]]));
  expect((await git.read(commit, "a.md"))?.toString()).toBe("proposed\n");
  expect((await git.read(commit, 'neu 文档/-d "q" \\.md'))?.toString()).toBe("ü\n");
  expect(await git.read(commit, "docs/deep/b.md")).toBeNull();
  expect([...(await git.list(commit, "")).keys()].sort()).toEqual(["a.md", "docs/c.md", 'neu 文档/-d "q" \\.md']);
  expect((await git.history({ revision: commit, limit: 1 }))[0]).toMatchObject({
    subject: "Propose",
    author: "Ada Example",
    trailers: { "Specloop-Edit": "e-1" },
  });
  expect(await git.isAncestor("HEAD", commit)).toBe(true);
  expect(await git.wouldConflict("HEAD", commit)).toBe(false);
  await repository.git("fsck", "--strict");
});

test("goes on from the branch when it is where it was expected, and not otherwise", async () => {
  await using repository = await temporaryRepository({ "a.md": "a\n" });
  const git = await openGit(repository.path);
  const first = await git.commitToBranch(request({ "a.md": "1\n" }));
  await expect(git.commitToBranch(request({ "a.md": "2\n" }))).rejects.toMatchObject({ code: "ref_moved" });
  const second = await git.commitToBranch(request({ "a.md": "2\n" }, { parent: first, expected: first }));
  await expect(
    git.commitToBranch(request({ "a.md": "3\n" }, { parent: first, expected: first })),
  ).rejects.toMatchObject({ code: "ref_moved" });
  await expect(git.deleteBranch(ref, first)).rejects.toMatchObject({ code: "ref_moved" });
  expect(await git.resolve(ref)).toBe(second);
  await git.deleteBranch(ref, second);
  expect(await git.resolve(ref)).toBeNull();
});

test("of many writers of one new branch exactly one wins", async () => {
  await using repository = await temporaryRepository({ "a.md": "a\n" });
  const git = await openGit(repository.path);
  const tries = Array.from({ length: 8 }, (_, index) => git.commitToBranch(request({ "a.md": `${index}\n` })));
  const outcomes = await Promise.allSettled(tries);
  const won = outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
  expect(won).toEqual([await git.resolve(ref)]);
  const lost = outcomes.flatMap((outcome) =>
    outcome.status === "rejected" ? [outcome.reason as { code: string }] : [],
  );
  expect(lost.map(({ code }) => code)).toEqual(Array.from({ length: 7 }, () => "ref_moved"));
});

test("refuses a branch that is checked out in any worktree", async () => {
  await using repository = await temporaryRepository({ "a.md": "a\n" });
  await using place = await temporaryRepository();
  const git = await openGit(repository.path);
  const first = await git.commitToBranch(request({ "a.md": "1\n" }));
  await repository.git("worktree", "add", "--quiet", join(place.path, "linked"), "specloop/x");
  const failure = git.commitToBranch(request({ "a.md": "2\n" }, { parent: first, expected: first }));
  await expect(failure).rejects.toMatchObject({ code: "ref_moved", message: expect.stringContaining("checked out") });
  await expect(git.deleteBranch(ref, first)).rejects.toMatchObject({ code: "ref_moved" });
});

test.each([
  "refs/heads/main",
  "main",
  "refs/heads/specloop/",
  "refs/heads/specloop/../main",
  "refs/heads/specloop/a b",
  "refs/heads/specloop/a.lock",
  "HEAD",
  "-x",
])("refuses to write %s", async (name) => {
  await using repository = await temporaryRepository({ "a.md": "a\n" });
  const git = await openGit(repository.path);
  await expect(git.commitToBranch(request({ "a.md": "1\n" }, { ref: name }))).rejects.toMatchObject({
    code: "bad_input",
  });
  await expect(git.deleteBranch(name, "HEAD")).rejects.toMatchObject({ code: "bad_input" });
  expect(await repository.git("for-each-ref", "--format=%(refname)")).toBe("refs/heads/main");
});

test("keeps an executable executable and writes through no symbolic link", async () => {
  await using repository = await temporaryRepository({ "run.md": "x\n" });
  await chmod(join(repository.path, "run.md"), 0o755);
  const { symlinkSync } = await import("node:fs");
  symlinkSync("run.md", join(repository.path, "link.md"));
  await repository.commitAll("Modes");
  const git = await openGit(repository.path);
  const commit = await git.commitToBranch(request({ "run.md": "y\n" }));
  expect(await repository.git("ls-tree", commit, "run.md")).toMatch(/^100755/);
  await expect(git.commitToBranch(request({ "link.md": "y\n" }, { ref: `${ref}2` }))).rejects.toMatchObject({
    code: "bad_input",
  });
});

test("works in the middle of a conflicted rebase and with a held index.lock", async () => {
  await using repository = await temporaryRepository({ "a.md": "a\n" });
  await repository.git("switch", "--quiet", "--create", "side");
  await repository.write("a.md", "side\n");
  await repository.commitAll("Side");
  await repository.git("switch", "--quiet", "main");
  await repository.write("a.md", "main\n");
  await repository.commitAll("Main");
  await repository.git("rebase", "side").catch(() => {});
  await repository.write(".git/index.lock", "");
  const git = await openGit(repository.path);
  const commit = await git.commitToBranch(request({ "b.md": "b\n" }, { parent: "main" }));
  expect(await git.resolve(ref)).toBe(commit);
});
