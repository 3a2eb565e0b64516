import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openGit } from "../../../src/adapters/git/index.ts";
import { temporaryRepository } from "../../helpers/repository.ts";

test("a folder without git, one that is not there and a bare repository are not_a_repository", async () => {
  const folder = mkdtempSync(join(tmpdir(), "specloop-plain-"));
  const env = { ...process.env, GIT_CEILING_DIRECTORIES: tmpdir() };
  await expect(openGit(folder, { env })).rejects.toMatchObject({ code: "not_a_repository", target: folder });
  execFileSync("git", ["init", "--quiet", "--bare", folder]);
  await expect(openGit(folder)).rejects.toMatchObject({ code: "not_a_repository" });
  rmSync(folder, { recursive: true });
  await expect(openGit(folder)).rejects.toMatchObject({ code: "git_failed" });
});

test("a repository with SHA-256 ids is refused in words", async () => {
  const folder = mkdtempSync(join(tmpdir(), "specloop-sha256-"));
  execFileSync("git", ["init", "--quiet", "--object-format=sha256", folder]);
  await expect(openGit(folder)).rejects.toMatchObject({
    code: "unsupported",
    message: expect.stringContaining("sha256"),
  });
  rmSync(folder, { recursive: true });
});

test("a folder below the top is the same repository", async () => {
  await using repository = await temporaryRepository({ "docs/a.md": "a\n" });
  expect((await openGit(join(repository.path, "docs"))).places.worktree).toBe(repository.path);
});

test("says of each path how tree, index and HEAD agree", async () => {
  await using repository = await temporaryRepository({
    "clean.md": "1\n",
    "staged.md": "1\n",
    "both.md": "1\n",
    "changed.md": "1\n",
    "gone.md": "1\n",
    ".gitignore": "ignored.md\n",
  });
  const git = await openGit(repository.path);
  await repository.write("staged.md", "2\n");
  await repository.write("both.md", "2\n");
  await repository.git("add", "staged.md", "both.md");
  await repository.write("both.md", "3\n");
  await repository.write("changed.md", "2\n");
  await repository.write("new.md", "1\n");
  await repository.write("ignored.md", "1\n");
  rmSync(join(repository.path, "gone.md"));
  const paths = ["clean.md", "staged.md", "both.md", "changed.md", "gone.md", "new.md", "ignored.md", "never.md"];
  const states = await Promise.all(paths.map((path) => git.pathState(path)));
  expect(states).toEqual(["clean", "staged", "modified", "modified", "modified", "untracked", "untracked", "absent"]);
  expect(await git.files("")).toEqual([".gitignore", "both.md", "changed.md", "clean.md", "new.md", "staged.md"]);
  expect([await git.isIgnored("ignored.md"), await git.isIgnored("new.md")]).toEqual([true, false]);
});

test("reads take no lock, so a person's git is never in the way of ours", async () => {
  await using repository = await temporaryRepository({ "a.md": "1\n" });
  const git = await openGit(repository.path);
  await repository.write(".git/index.lock", "");
  await repository.write("a.md", "2\n");
  expect(await git.pathState("a.md")).toBe("modified");
  expect(await git.files("")).toEqual(["a.md"]);
});

test("lists and reads any revision, and tells conflicts", async () => {
  await using repository = await temporaryRepository({ "docs/a.md": "1\n", "b.md": "b\n" });
  const git = await openGit(repository.path);
  await repository.git("branch", "side");
  await repository.write("docs/a.md", "2\n");
  await repository.commitAll("Two");
  const side = await git.commitToBranch({
    ref: "refs/heads/specloop/s",
    parent: "side",
    expected: null,
    files: new Map([["docs/a.md", "3\n"]]),
    message: "Three",
    trailers: {},
  });
  expect(await git.list("HEAD~1", "docs")).toEqual(
    new Map([["docs/a.md", "d00491fd7e5bb6fa28c517a0bb32b8b506539d4d"]]),
  );
  expect((await git.read("HEAD~1", "docs/a.md"))?.toString()).toBe("1\n");
  expect([await git.read("HEAD", "docs"), await git.read("HEAD", "no.md"), await git.read("nowhere", "b.md")]).toEqual([
    null,
    null,
    null,
  ]);
  expect(await git.wouldConflict("HEAD", side)).toBe(true);
  expect(await git.isAncestor(side, "HEAD")).toBe(false);
  expect(await git.diff("HEAD~1", "HEAD", "docs/a.md")).toContain("-1\n+2");
  expect(await git.resolve("no-such-branch")).toBeNull();
  expect((await git.history({ path: "docs/a.md", limit: 10 })).map(({ subject }) => subject)).toEqual(["Two", "Begin"]);
});

test("history is read whatever programs the surroundings name", async () => {
  await using repository = await temporaryRepository({ "a.md": "1\n" });
  const named = {
    EDITOR: "vi",
    VISUAL: "vi",
    PAGER: "less",
    SSH_ASKPASS: "/bin/false",
    PREFIX: "/usr",
    prefix: "/usr",
  };
  const configured = {
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_CONFIG_SYSTEM: "/dev/null",
    GIT_ASKPASS: "x",
    GIT_PAGER: "less",
  };
  const git = await openGit(repository.path, { env: { ...process.env, ...named, ...configured } });
  expect((await git.history({ path: "a.md", limit: 10 })).map(({ subject }) => subject)).toEqual(["Begin"]);
});

test.each(["--output=/tmp/x", "-h", "HEAD..main", "", "HEAD:a.md", "a b"])(
  "refuses the revision %j",
  async (revision) => {
    await using repository = await temporaryRepository({ "a.md": "1\n" });
    const git = await openGit(repository.path);
    await expect(git.resolve(revision)).rejects.toMatchObject({ code: "bad_input" });
    await expect(git.read(revision, "a.md")).rejects.toMatchObject({ code: "bad_input" });
    await expect(git.history({ revision, limit: 1 })).rejects.toMatchObject({ code: "bad_input" });
  },
);

test("an aborted signal stops what runs and refuses what comes", async () => {
  await using repository = await temporaryRepository({ "a.md": "1\n" });
  const stop = new AbortController();
  const git = await openGit(repository.path, { signal: stop.signal });
  const running = git.files("");
  stop.abort();
  await expect(running).rejects.toMatchObject({ code: "cancelled" });
  await expect(git.head()).rejects.toMatchObject({ code: "cancelled" });
});
