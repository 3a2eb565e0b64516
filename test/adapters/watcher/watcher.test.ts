import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, symlink, unlink, writeFile } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test, vi } from "vitest";
import { createWatcher, type SettledBatch, type Watcher } from "../../../src/adapters/watcher/index.ts";
import { systemClock } from "../../../src/foundation/clock.ts";
import { silentLogger } from "../../../src/foundation/logger.ts";
import { temporaryRepository, type TemporaryRepository } from "../../helpers/repository.ts";

const run = promisify(execFile);
const openspec = resolve(import.meta.dirname, "../../../node_modules/@fission-ai/openspec/bin/openspec.js");

const SPEC = `# Auth Specification

## Purpose
People sign in with their own name so that nobody works in the name of others.

## Requirements

### Requirement: Sign in
The system SHALL let people sign in.

#### Scenario: good
- **WHEN** the password is right
- **THEN** they are in
`;
const DELTA = SPEC.replace(/[^]*## Requirements/, "## ADDED Requirements").replace("Sign in", "Sign out");

/** The same tests are run again over chokidar by `chokidar.test.ts`. */

interface Watched {
  repository: TemporaryRepository;
  watcher: Watcher;
  batches: SettledBatch[];
  errors: Error[];
  /** Waits for rest and returns the batches since the last call, paths relative to the repository and in order. */
  seen(): Promise<{ paths: string[]; refsMoved: boolean; everything: boolean }[]>;
}

async function watched(files: Record<string, string> = {}): Promise<Watched> {
  const repository = await temporaryRepository({
    "openspec/config.yaml": "schema: spec-driven\n",
    "openspec/specs/auth/spec.md": SPEC,
    "openspec/changes/archive/.gitkeep": "",
    "openspec/changes/add-sign-out/.openspec.yaml": "schema: spec-driven\n",
    "openspec/changes/add-sign-out/proposal.md": "## Why\n\nBecause.\n",
    "openspec/changes/add-sign-out/tasks.md": "## 1. A\n\n- [x] 1.1 b\n",
    "openspec/changes/add-sign-out/specs/auth/spec.md": DELTA,
    ...files,
  });
  const batches: SettledBatch[] = [];
  const errors: Error[] = [];
  const watcher = createWatcher(
    {
      directories: [join(repository.path, "openspec")],
      gitDirectories: [join(repository.path, ".git")],
      onBatch: async (batch) => void batches.push(batch),
      onError: (error) => void errors.push(error),
    },
    { clock: systemClock, logger: silentLogger },
  );
  onTestFinished(async () => {
    await watcher[Symbol.asyncDispose]();
    await repository[Symbol.asyncDispose]();
  });
  await watcher.start(new AbortController().signal);
  let from = 0;
  const seen = async () => {
    await watcher.settled();
    const since = batches.slice(from);
    from = batches.length;
    return since.map(({ paths, refsMoved, everything }) => ({
      paths: [...paths].map((path) => relative(repository.path, path)).sort(),
      refsMoved,
      everything,
    }));
  };
  return { repository, watcher, batches, errors, seen };
}

test("a save is one batch that names the file", async () => {
  const { repository, seen, batches } = await watched();
  await repository.write("openspec/changes/add-sign-out/proposal.md", "## Why\n\nBetter.\n");
  expect(await seen()).toEqual([
    { paths: ["openspec/changes/add-sign-out/proposal.md"], refsMoved: false, everything: false },
  ]);
  expect(batches[0]!.ms).toBeGreaterThan(0);
  expect(await seen()).toEqual([]);
});

test("an editor's atomic save is one batch, and its temporary names are looked past", async () => {
  const { repository, seen } = await watched();
  const file = join(repository.path, "openspec/changes/add-sign-out/tasks.md");
  // As vim does it: a probe, a swap file, the old text as a backup, the new text beside it, and a rename.
  await writeFile(join(file, "../4913"), "");
  await unlink(join(file, "../4913"));
  await writeFile(join(file, "../.tasks.md.swp"), "swap");
  await rename(file, `${file}~`);
  await writeFile(file, "## 1. A\n\n- [ ] 1.1 c\n");
  await unlink(`${file}~`);
  await writeFile(`${file}.tmp.swp`, "## 1. A\n\n- [ ] 1.1 d\n");
  await rename(`${file}.tmp.swp`, file);
  expect(await seen()).toEqual([{ paths: [relative(repository.path, file)], refsMoved: false, everything: false }]);
});

test("an archive by OpenSpec itself is one batch", async () => {
  const { repository, seen, errors } = await watched();
  const env = { ...process.env, OPENSPEC_TELEMETRY: "0", OPENSPEC_NO_UPDATE_CHECK: "1", HOME: repository.path };
  await run(process.execPath, [openspec, "archive", "add-sign-out", "--yes", "--json"], { cwd: repository.path, env });
  const batches = await seen();
  expect(batches).toHaveLength(1);
  expect(batches[0]!.paths).toContain("openspec/specs/auth/spec.md");
  expect(batches[0]!.paths).toContain("openspec/changes/add-sign-out");
  expect(batches[0]!.paths.some((path) => /changes\/archive\/\d{4}-\d{2}-\d{2}-add-sign-out$/.test(path))).toBe(true);
  expect(batches[0]!.paths.some((path) => path.includes(".lock"))).toBe(false);
  expect(await readdir(join(repository.path, "openspec/changes"))).toEqual(["archive"]);
  expect(errors).toEqual([]);
});

test("what happens while an archive holds its lock is handed over when it is gone", async () => {
  const { repository, seen, batches } = await watched();
  const lock = join(repository.path, "openspec/changes/archive/.openspec-archive.lock");
  await writeFile(lock, "{}");
  await repository.write("openspec/specs/auth/spec.md", `${SPEC}\n`);
  await systemClock.sleep(600);
  expect(batches).toEqual([]);
  await rename(
    join(repository.path, "openspec/changes/add-sign-out"),
    join(repository.path, "openspec/changes/archive/x"),
  );
  await unlink(lock);
  const settled = await seen();
  expect(settled).toHaveLength(1);
  expect(settled[0]!.paths).toContain("openspec/specs/auth/spec.md");
  expect(settled[0]!.paths).toContain("openspec/changes/archive/x");
});

test("a lock that nobody gives back delays once and is told", { timeout: 30_000 }, async () => {
  const { repository, batches, errors } = await watched();
  await writeFile(join(repository.path, "openspec/changes/archive/.openspec-archive.lock"), "{}");
  await repository.write("openspec/specs/auth/spec.md", `${SPEC}\n`);
  while (batches.length === 0) await systemClock.sleep(50);
  expect(errors.map(({ message }) => message)).toEqual([expect.stringContaining(".openspec-archive.lock")]);
  await repository.write("openspec/specs/auth/spec.md", SPEC);
  while (batches.length === 1) await systemClock.sleep(50);
  expect(errors).toHaveLength(1);
});

test("a lock whose process is gone holds nothing up", async () => {
  const { repository, seen, errors } = await watched();
  const gone = run(process.execPath, ["--eval", ""]);
  await gone;
  const lock = JSON.stringify({ pid: gone.child.pid, nonce: "a" });
  await writeFile(join(repository.path, "openspec/changes/archive/.openspec-archive.lock"), lock);
  await repository.write("openspec/specs/auth/spec.md", `${SPEC}\n`);
  expect(await seen()).toMatchObject([{ paths: ["openspec/specs/auth/spec.md"] }]);
  // Going on in spite of a lock that is held would have been told.
  expect(errors).toEqual([]);
});

test("a switch to another branch is one batch about everything", async () => {
  const { repository, seen } = await watched();
  await repository.git("switch", "--quiet", "--create", "other");
  for (let index = 0; index < 50; index += 1) {
    await repository.write(`openspec/changes/change-${index}/proposal.md`, `## Why\n\n${index}\n`);
  }
  await repository.commitAll("More");
  await seen();
  await repository.git("switch", "--quiet", "main");
  const batches = await seen();
  expect(batches).toHaveLength(1);
  expect(batches[0]).toMatchObject({ refsMoved: true, everything: true });
  expect(existsSync(join(repository.path, "openspec/changes/change-1"))).toBe(false);
});

test("a branch made by plumbing alone is noticed, and so is its end", async () => {
  const { repository, seen } = await watched();
  const head = await repository.git("rev-parse", "HEAD");
  await repository.git("update-ref", "refs/heads/specloop/add-it", head);
  expect(await seen()).toEqual([{ paths: [], refsMoved: true, everything: true }]);
  await repository.git("branch", "--quiet", "-D", "specloop/add-it");
  expect(await seen()).toEqual([{ paths: [], refsMoved: true, everything: true }]);
  await repository.git("pack-refs", "--all");
  expect(await seen()).toEqual([{ paths: [], refsMoved: true, everything: true }]);
});

test("git's reading and staging alone is no movement of branches", async () => {
  const { repository, seen } = await watched();
  await repository.write("README.md", "# Outside\n");
  await repository.git("add", "README.md");
  await repository.git("status");
  expect(await seen()).toEqual([]);
});

test("a folder that is deleted and made again is followed inside", async () => {
  const { repository, seen } = await watched();
  await rm(join(repository.path, "openspec/changes/add-sign-out"), { recursive: true });
  await repository.write("openspec/changes/add-sign-out/proposal.md", "## Why\n\nAgain.\n");
  expect((await seen()).flatMap(({ paths }) => paths)).toContain("openspec/changes/add-sign-out/proposal.md");
  await repository.write("openspec/changes/add-sign-out/specs/auth/spec.md", DELTA);
  expect((await seen()).flatMap(({ paths }) => paths)).toContain("openspec/changes/add-sign-out/specs/auth/spec.md");
});

test("a renamed change is followed under its new name", async () => {
  const { repository, seen } = await watched();
  const changes = join(repository.path, "openspec/changes");
  await rename(join(changes, "add-sign-out"), join(changes, "add-logout"));
  const moved = (await seen()).flatMap(({ paths }) => paths);
  expect(moved).toContain("openspec/changes/add-sign-out");
  expect(moved).toContain("openspec/changes/add-logout");
  await repository.write("openspec/changes/add-logout/tasks.md", "- [ ] 1.1 c\n");
  expect((await seen()).flatMap(({ paths }) => paths)).toContain("openspec/changes/add-logout/tasks.md");
});

test("a thousand files at once are looked at as everything", async () => {
  const { repository, seen } = await watched();
  const folder = join(repository.path, "openspec/changes/add-sign-out/evidence");
  await mkdir(folder, { recursive: true });
  await Promise.all(
    Array.from({ length: 1000 }, (_item, index) => writeFile(join(folder, `${index}.md`), `# ${index}\n`)),
  );
  const batches = await seen();
  expect(batches.some(({ everything }) => everything)).toBe(true);
  expect(batches.length).toBeLessThanOrEqual(3);
});

test("a planning folder that comes later is noticed", async () => {
  const repository = await temporaryRepository({ "README.md": "# Example\n" });
  const paths: string[] = [];
  const watcher = createWatcher(
    {
      directories: [join(repository.path, "openspec")],
      gitDirectories: [join(repository.path, ".git")],
      onBatch: async (batch) => void paths.push(...batch.paths),
      onError: (error) => expect.fail(error.message),
    },
    { clock: systemClock, logger: silentLogger },
  );
  onTestFinished(async () => {
    await watcher[Symbol.asyncDispose]();
    await repository[Symbol.asyncDispose]();
  });
  await watcher.start(new AbortController().signal);
  await repository.write("openspec/changes/add-it/proposal.md", "## Why\n");
  await watcher.settled();
  expect(paths.length).toBeGreaterThan(0);
});

test("symbolic links are not followed", async () => {
  const { repository, seen } = await watched({ "elsewhere/note.md": "# Note\n" });
  await symlink(join(repository.path, "elsewhere"), join(repository.path, "openspec/changes/linked"));
  await seen();
  await repository.write("elsewhere/note.md", "# Other\n");
  expect(await seen()).toEqual([]);
});

test("batches are handed over one at a time, and a failing one does not end watching", async () => {
  const repository = await temporaryRepository({ "openspec/changes/a/proposal.md": "1" });
  let [running, most, calls] = [0, 0, 0];
  const errors: Error[] = [];
  const watcher = createWatcher(
    {
      directories: [join(repository.path, "openspec")],
      gitDirectories: [join(repository.path, ".git")],
      onBatch: async () => {
        running += 1;
        calls += 1;
        most = Math.max(most, running);
        await systemClock.sleep(300);
        running -= 1;
        if (calls === 1) throw new Error("the first one fails");
      },
      onError: (error) => void errors.push(error),
      timing: () => ({ settleMs: 30, reconcileMs: 60_000 }),
    },
    { clock: systemClock, logger: silentLogger },
  );
  onTestFinished(async () => {
    await watcher[Symbol.asyncDispose]();
    await repository[Symbol.asyncDispose]();
  });
  await watcher.start(new AbortController().signal);
  for (let index = 0; index < 6; index += 1) {
    await repository.write("openspec/changes/a/proposal.md", `${index}`);
    await systemClock.sleep(80);
  }
  await watcher.settled();
  expect(most).toBe(1);
  expect(calls).toBeGreaterThan(1);
  expect(errors.map(({ message }) => message)).toEqual(["the first one fails"]);
});

test("everything is looked at again after a while without any event", async () => {
  const repository = await temporaryRepository({ "openspec/changes/a/proposal.md": "1" });
  const batches: SettledBatch[] = [];
  const watcher = createWatcher(
    {
      directories: [join(repository.path, "openspec")],
      gitDirectories: [],
      onBatch: async (batch) => void batches.push(batch),
      onError: (error) => expect.fail(error.message),
      timing: () => ({ settleMs: 20, reconcileMs: 150 }),
    },
    { clock: systemClock, logger: silentLogger },
  );
  await watcher.start(new AbortController().signal);
  while (batches.length < 2) await systemClock.sleep(20);
  expect(batches[0]).toMatchObject({ everything: true, refsMoved: false });
  await watcher[Symbol.asyncDispose]();
  await repository[Symbol.asyncDispose]();
});

test("settled leaves nothing behind in the git directory, and works in a closed watcher", async () => {
  const { repository, watcher } = await watched();
  await watcher.settled();
  expect((await readdir(join(repository.path, ".git"))).filter((name) => name.startsWith("specloop"))).toEqual([]);
  expect(await readFile(join(repository.path, ".git/HEAD"), "utf8")).toContain("main");
  await watcher[Symbol.asyncDispose]();
  await watcher.settled();
});

test("an aborted start rejects with the reason", async () => {
  const repository = await temporaryRepository({ "openspec/changes/a/proposal.md": "1" });
  const request = { directories: [repository.path], gitDirectories: [], onBatch: async () => {}, onError: () => {} };
  const watcher = createWatcher(request, { clock: systemClock, logger: silentLogger });
  await expect(watcher.start(AbortSignal.abort(new Error("stopping")))).rejects.toThrow("stopping");
  await watcher[Symbol.asyncDispose]();
  await repository[Symbol.asyncDispose]();
});

test("where nothing is reported by the system, CHOKIDAR_USEPOLLING finds it all the same", async () => {
  vi.stubEnv("CHOKIDAR_USEPOLLING", "1");
  onTestFinished(() => void vi.unstubAllEnvs());
  const { repository, batches } = await watched();
  await repository.write("openspec/changes/add-sign-out/proposal.md", "## Why\n\nMuch better.\n");
  while (batches.length === 0) await systemClock.sleep(50);
  const paths = batches.flatMap((batch) => [...batch.paths]);
  expect(paths).toContain(join(repository.path, "openspec/changes/add-sign-out/proposal.md"));
});
