import { rmSync, utimesSync, writeFileSync } from "node:fs";
import { chmod, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openGit } from "../../../src/adapters/git/index.ts";
import { temporaryRepository, type TemporaryRepository } from "../../helpers/repository.ts";

const trailers = { "Specloop-Edit": "e-1" };

async function prepared(): Promise<TemporaryRepository> {
  return temporaryRepository({ "a.md": "a\n", "b.md": "b1\nb2\nb3\nb4\nb5\nb6\nb7\nb8\nb9\n", "docs/c.md": "c\n" });
}

/** Everything of the index but the files named. */
async function indexWithout(repository: TemporaryRepository, ...paths: string[]): Promise<string[]> {
  const lines = (await repository.git("ls-files", "--stage")).split("\n");
  return lines.filter((line) => !paths.some((path) => line.endsWith(`\t${path}`)));
}

test("commits one file and leaves staged, partly staged and untracked files as they are", async () => {
  await using repository = await prepared();
  const git = await openGit(repository.path);
  await repository.write("docs/c.md", "staged\n");
  await repository.git("add", "docs/c.md");
  await repository.write("b.md", "B1\nb2\nb3\nb4\nb5\nb6\nb7\nb8\nb9\n");
  await repository.git("add", "b.md");
  await repository.write("b.md", "B1\nb2\nb3\nb4\nb5\nb6\nb7\nb8\nB9\n");
  await repository.write("mine.md", "untracked\n");
  await repository.write("a.md", "ours\n");
  const before = await indexWithout(repository, "a.md");
  const commit = await git.commitOnly({ paths: ["a.md"], message: "Change a", trailers });
  expect(await repository.git("rev-parse", "HEAD")).toBe(commit);
  expect(await indexWithout(repository, "a.md")).toEqual(before);
  expect(await repository.git("status", "--porcelain")).toBe("MM b.md\nM  docs/c.md\n?? mine.md");
  expect(await repository.git("show", "--name-only", "--format=", "HEAD")).toBe("a.md");
  expect(await repository.git("diff", "--cached", "--unified=0", "b.md")).toContain("+B1");
  expect(await repository.git("diff", "--cached", "--unified=0", "b.md")).not.toContain("+B9");
});

test("writes subject, body and trailers as they are, also lines that look like comments", async () => {
  await using repository = await prepared();
  const git = await openGit(repository.path);
  await repository.write("a.md", "ours\n");
  await git.commitOnly({ paths: ["a.md"], message: "# Not a comment\n\nBody\n# either", trailers });
  expect(await repository.git("log", "-1", "--format=%B")).toBe(
    "# Not a comment\n\nBody\n# either\n\nSpecloop-Edit: e-1\n",
  );
  expect((await git.history({ limit: 1 }))[0]).toMatchObject({ subject: "# Not a comment", trailers });
});

test("commits an untracked file, a deleted file and several at once", async () => {
  await using repository = await prepared();
  const git = await openGit(repository.path);
  await repository.write("new folder/zwölf 文档.md", "neu\n");
  rmSync(join(repository.path, "docs/c.md"));
  await repository.write("a.md", "ours\n");
  await repository.write("other.md", "untracked\n");
  await git.commitOnly({ paths: ["new folder/zwölf 文档.md", "docs/c.md", "a.md"], message: "Three", trailers });
  expect(await repository.git("-c", "core.quotePath=false", "show", "--name-status", "--format=", "HEAD")).toBe(
    "M\ta.md\nD\tdocs/c.md\nA\tnew folder/zwölf 文档.md",
  );
  expect(await repository.git("status", "--porcelain")).toBe("?? other.md");
});

test("makes the first commit of an unborn branch", async () => {
  await using repository = await temporaryRepository();
  const git = await openGit(repository.path);
  expect(await git.state()).toEqual({ kind: "unborn", branch: "main" });
  expect(await git.head()).toEqual({ commit: null, branch: "main" });
  expect(await git.history({ limit: 5 })).toEqual([]);
  await repository.write("a.md", "a\n");
  const commit = await git.commitOnly({ paths: ["a.md"], message: "First", trailers });
  expect(await git.head()).toEqual({ commit, branch: "main" });
});

test("paths are literal: a star names only itself", async () => {
  await using repository = await prepared();
  const git = await openGit(repository.path);
  await repository.write("a.md", "changed\n");
  await repository.write("*.md", "star\n");
  await repository.write(":x.md", "colon\n");
  await git.commitOnly({ paths: ["*.md", ":x.md"], message: "Star", trailers });
  expect(await repository.git("status", "--porcelain")).toBe(" M a.md");
  expect(await git.pathState("*.md")).toBe("clean");
  expect(await git.isIgnored(":x.md")).toBe(false);
});

test("a failing pre-commit hook is reported, runs each time, and leaves the index as it was", async () => {
  await using repository = await prepared();
  const git = await openGit(repository.path);
  const hook = join(repository.path, ".git/hooks/pre-commit");
  writeFileSync(hook, "#!/bin/sh\necho 'the spelling is wrong' >&2\nexit 1\n");
  await chmod(hook, 0o755);
  await repository.write("new.md", "new\n");
  const head = await repository.git("rev-parse", "HEAD");
  const failure = git.commitOnly({ paths: ["new.md"], message: "New", trailers });
  await expect(failure).rejects.toMatchObject({
    code: "git_failed",
    message: expect.stringContaining("the spelling is wrong"),
  });
  expect(await repository.git("rev-parse", "HEAD")).toBe(head);
  expect(await repository.git("status", "--porcelain")).toBe("?? new.md");
});

test("a hook that hangs is stopped after the time limit", async () => {
  await using repository = await prepared();
  const git = await openGit(repository.path, { timeoutMs: 400 });
  const hook = join(repository.path, ".git/hooks/pre-commit");
  writeFileSync(hook, "#!/bin/sh\nexec sleep 30\n");
  await chmod(hook, 0o755);
  await repository.write("a.md", "ours\n");
  const failure = git.commitOnly({ paths: ["a.md"], message: "Hang", trailers });
  await expect(failure).rejects.toMatchObject({ code: "git_failed", details: { timeout: true } });
  await expect(readFile(join(repository.path, ".git/index.lock"))).rejects.toMatchObject({ code: "ENOENT" });
});

test("waits for an index.lock that another git holds and then lets go", async () => {
  await using repository = await prepared();
  const git = await openGit(repository.path);
  const lock = join(repository.path, ".git/index.lock");
  writeFileSync(lock, "");
  setTimeout(() => rmSync(lock), 300);
  await repository.write("a.md", "ours\n");
  const commit = await git.commitOnly({ paths: ["a.md"], message: "Patience", trailers });
  expect(await repository.git("rev-parse", "HEAD")).toBe(commit);
});

test("an index.lock that stays is git_busy, names the file and is never removed", async () => {
  await using repository = await prepared();
  const git = await openGit(repository.path, { lockWaitMs: 200 });
  const lock = join(repository.path, ".git/index.lock");
  writeFileSync(lock, "");
  await repository.write("a.md", "ours\n");
  const failure = git.commitOnly({ paths: ["a.md"], message: "Patience", trailers });
  await expect(failure).rejects.toMatchObject({ code: "git_busy", target: lock });
  expect(await readFile(lock, "utf8")).toBe("");
});

test("a commit that would change nothing says so", async () => {
  await using repository = await prepared();
  const git = await openGit(repository.path);
  const failure = git.commitOnly({ paths: ["a.md"], message: "Nothing", trailers });
  await expect(failure).rejects.toMatchObject({ code: "git_failed", details: { nothingToCommit: true } });
});

test.each([
  ["a path that leaves", { paths: ["../a.md"] }, "path_outside_root"],
  ["an absolute path", { paths: ["/etc/passwd"] }, "path_outside_root"],
  ["a path like an option", { paths: ["--all"] }, "bad_input"],
  ["a path with a line end", { paths: ["a\nb.md"] }, "bad_input"],
  ["no path", { paths: [] }, "bad_input"],
  ["a file that is not there", { paths: ["none.md"] }, "unknown_document"],
  ["an empty message", { message: " \n" }, "bad_input"],
  [
    "a trailer value with a line end",
    { trailers: { "Specloop-Edit": "e-1\nSpecloop-Principal: person:ada" } },
    "bad_input",
  ],
  ["a trailer name with a space", { trailers: { "Signed off": "x" } }, "bad_input"],
  ["an author that is none", { author: "Ada" }, "bad_input"],
])("refuses %s", async (_name, wrong, code) => {
  await using repository = await prepared();
  const git = await openGit(repository.path);
  await repository.write("a.md", "ours\n");
  const request = { paths: ["a.md"], message: "Wrong", trailers: {}, ...wrong } as Parameters<typeof git.commitOnly>[0];
  await expect(git.commitOnly(request)).rejects.toMatchObject({ code });
  expect(await repository.git("log", "--oneline")).not.toContain("Wrong");
});

test("surroundings of a hook in which the daemon was started do not reach git", async () => {
  await using repository = await prepared();
  await using other = await prepared();
  const env = {
    ...process.env,
    GIT_DIR: join(other.path, ".git"),
    GIT_INDEX_FILE: join(other.path, ".git/x"),
    GIT_AUTHOR_DATE: "2001-01-01T00:00:00Z",
  };
  const git = await openGit(repository.path, { env });
  await repository.write("a.md", "ours\n");
  const commit = await git.commitOnly({ paths: ["a.md"], message: "Here", trailers });
  expect(await repository.git("rev-parse", "HEAD")).toBe(commit);
  expect((await git.history({ limit: 1 }))[0]?.at).toBeGreaterThan(Date.UTC(2020, 0));
});

test("a lock that was waited for in vain is not waited for again, and a new one is", async () => {
  await using repository = await temporaryRepository({ "a.md": "a\n" });
  const git = await openGit(repository.path, { lockWaitMs: 400 });
  const lock = join(repository.path, ".git/index.lock");
  const request = { paths: ["a.md"], message: "Ours", trailers: {} };
  await repository.write("a.md", "ours\n");
  writeFileSync(lock, "");
  await expect(git.commitOnly(request)).rejects.toMatchObject({ code: "git_busy" });
  const patient = { ...request, lockWaitMs: 60_000 };
  // It would be waited for beyond the test's time.
  await expect(git.commitOnly(patient)).rejects.toMatchObject({ code: "git_busy", target: lock });
  const later = Date.now() / 1000 + 5;
  utimesSync(lock, later, later);
  setTimeout(() => rmSync(lock), 100);
  expect(await git.commitOnly(patient)).toMatch(/^[0-9a-f]{40}$/);
});
