import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openGit } from "../../../src/adapters/git/index.ts";
import { temporaryRepository, type TemporaryRepository } from "../../helpers/repository.ts";
import { scenario } from "../../helpers/scenario.ts";

const request = { paths: ["a.md"], message: "Ours", trailers: {} };

function hook(repository: TemporaryRepository, script: string): void {
  const file = join(repository.path, ".git/hooks/pre-commit");
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
}

function locks(repository: TemporaryRepository): string[] {
  return readdirSync(join(repository.path, ".git"), { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith(".lock"),
  );
}

scenario("documents", "A lock that a killed git of ours left is removed and a foreign one never", async () => {
  await using repository = await temporaryRepository({ "a.md": "a\n" });
  const git = await openGit(repository.path, { lockWaitMs: 100 });
  await repository.write("a.md", "ours\n");
  // The hook's parent is git itself, which holds index.lock and the index that it builds the commit in.
  hook(repository, "kill -9 $PPID");
  await expect(git.commitOnly(request)).rejects.toMatchObject({ code: "git_failed", details: { signal: "SIGKILL" } });
  expect(locks(repository)).toEqual([]);
  hook(repository, "exit 0");
  await git.commitOnly(request);
  writeFileSync(join(repository.path, ".git/index.lock"), "");
  await repository.write("a.md", "more\n");
  await expect(git.commitOnly(request)).rejects.toMatchObject({ code: "git_busy" });
  expect(await git.removeOwnLocks()).toEqual([]);
  expect(locks(repository)).toEqual(["index.lock"]);
});

/** Kills a process that commits through our adapter together with its git, as a power button or the kernel would. */
async function dieInCommit(repository: TemporaryRepository): Promise<void> {
  hook(repository, "echo at the hook >&2; exec sleep 30");
  const adapter = join(import.meta.dirname, "../../../src/adapters/git/index.ts");
  const source = `
    const { openGit } = await import(${JSON.stringify(adapter)});
    const git = await openGit(${JSON.stringify(repository.path)});
    await git.commitOnly(${JSON.stringify(request)});`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", source], { detached: true, stdio: "ignore" });
  const lock = join(repository.path, ".git/index.lock");
  await expect.poll(() => existsSync(lock) && locks(repository).length > 1, { timeout: 10_000 }).toBe(true);
  process.kill(-child.pid!, "SIGKILL");
  await once(child, "close");
  hook(repository, "exit 0");
}

test("locks of a git that died together with us are removed by the next process", async () => {
  await using repository = await temporaryRepository({ "a.md": "a\n" });
  await repository.write("a.md", "ours\n");
  await dieInCommit(repository);
  expect(locks(repository)).toContain("index.lock");
  const git = await openGit(repository.path);
  const removed = await git.removeOwnLocks();
  expect(removed).toContain(join(repository.path, ".git/index.lock"));
  expect(locks(repository)).toEqual([]);
  await git.commitOnly(request);
  expect(await repository.git("fsck", "--strict")).toBe("");
  expect(await repository.git("status", "--porcelain")).toBe("");
});

test("a lock that was taken after our git had died is foreign", async () => {
  await using repository = await temporaryRepository({ "a.md": "a\n" });
  await repository.write("a.md", "ours\n");
  await dieInCommit(repository);
  const lock = join(repository.path, ".git/index.lock");
  const later = Date.now() / 1000 + 60;
  utimesSync(lock, later, later);
  const git = await openGit(repository.path, { lockWaitMs: 50 });
  await expect(git.commitOnly(request)).rejects.toMatchObject({ code: "git_busy", target: lock });
  expect(existsSync(lock)).toBe(true);
});

test("a journal that names a living process removes nothing, and a broken one neither", async () => {
  await using repository = await temporaryRepository({ "a.md": "a\n" });
  const git = await openGit(repository.path);
  const lock = join(repository.path, ".git/index.lock");
  const journal = join(repository.path, ".git/specloop-writing.json");
  writeFileSync(lock, "");
  for (const text of [
    JSON.stringify({ pid: process.pid, ticks: null, startedAt: Date.now() - 50, endedAt: null }),
    "{",
    '{"pid":-1}',
  ]) {
    writeFileSync(journal, text);
    expect(await git.removeOwnLocks()).toEqual([]);
    expect(existsSync(lock)).toBe(true);
  }
});

test("a commit that ends in order leaves no journal", async () => {
  await using repository = await temporaryRepository({ "a.md": "a\n" });
  const git = await openGit(repository.path);
  await repository.write("a.md", "ours\n");
  await git.commitOnly(request);
  expect(existsSync(join(repository.path, ".git/specloop-writing.json"))).toBe(false);
});

test("a lock that may be another git's while one runs is removed once that has ended", async () => {
  await using repository = await temporaryRepository({ "a.md": "a\n" });
  await repository.write("a.md", "ours\n");
  const lock = join(repository.path, ".git/index.lock");
  writeFileSync(lock, "");
  // A git of ours that was killed before it had made its second index.
  const left = { pid: 2 ** 22 + 1, ticks: "1", startedAt: Date.now() - 10, endedAt: Date.now() + 10 };
  writeFileSync(join(repository.path, ".git/specloop-writing.json"), JSON.stringify([left]));
  const other = spawn("git", ["cat-file", "--batch"], { cwd: repository.path, stdio: ["pipe", "ignore", "ignore"] });
  await once(other, "spawn");
  const git = await openGit(repository.path, { lockWaitMs: 50 });
  expect(await git.removeOwnLocks()).toEqual([]);
  await expect(git.commitOnly(request)).rejects.toMatchObject({ code: "git_busy" });
  other.kill();
  await once(other, "close");
  expect(await git.removeOwnLocks()).toEqual([lock]);
  await git.commitOnly(request);
  expect(locks(repository)).toEqual([]);
});

test("a git of ours that ends in order leaves the note of another one that was killed", async () => {
  await using repository = await temporaryRepository({ "a.md": "a\n", "b.md": "b\n" });
  const git = await openGit(repository.path, { lockWaitMs: 2000 });
  const journal = join(repository.path, ".git/specloop-writing.json");
  const other = { pid: process.pid, ticks: null, startedAt: Date.now(), endedAt: null };
  writeFileSync(journal, JSON.stringify([other]));
  await repository.write("a.md", "ours\n");
  await git.commitOnly(request);
  expect(JSON.parse(readFileSync(journal, "utf8"))).toEqual([other]);
});
