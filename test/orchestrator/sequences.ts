import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { lstat, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { TemporaryRepository } from "../helpers/repository.ts";
import { change, delta, projectRoot } from "./setup.ts";

const run = promisify(execFile);
const openspec = join(projectRoot, "node_modules/@fission-ai/openspec/bin/openspec.js");

/** Numbers that follow from a seed alone (mulberry32). */
export function random(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296) * below);
  };
}

/** What a person and other programs do to a repository; each takes its choices from `pick`. */
type Step = (repository: TemporaryRepository, pick: (below: number) => number) => Promise<unknown>;

/** Everything is done by git and by OpenSpec's own command, in processes of their own, or by plain saves. */
const STEPS: Record<string, Step> = {
  tick: async (repository, pick) => {
    const id = await anyChange(repository, pick);
    const done = pick(4);
    const tasks = [1, 2, 3].map((number) => `- [${number <= done ? "x" : " "}] 1.${number} Step\n`).join("");
    if (id) await repository.write(`openspec/changes/${id}/tasks.md`, `## 1. A\n\n${tasks}`);
  },
  write: async (repository, pick) => {
    const id = await anyChange(repository, pick);
    if (id) await repository.write(`openspec/changes/${id}/proposal.md`, `# Title ${pick(1000)}\n\n## Why\n\nSo.\n`);
  },
  spoil: async (repository, pick) => {
    const id = await anyChange(repository, pick);
    const text = "<<<<<<< a\nours\n=======\ntheirs\n>>>>>>> b\n";
    if (id) await repository.write(`openspec/changes/${id}/design.md`, text);
  },
  add: async (repository, pick) => {
    const id = `change-${pick(12)}`;
    const files = change(id, delta("ADDED", `New ${pick(8)}`));
    for (const [path, text] of Object.entries(files)) await repository.write(path, text);
  },
  remove: async (repository, pick) => {
    const id = await anyChange(repository, pick);
    if (id) await rm(join(changesOf(repository), id), { recursive: true });
  },
  rename: async (repository, pick) => {
    const id = await anyChange(repository, pick);
    const to = `renamed-${pick(50)}`;
    if (id) await rename(join(changesOf(repository), id), join(changesOf(repository), to)).catch(() => undefined);
  },
  archive: async (repository, pick) => {
    const id = await anyChange(repository, pick);
    const env = { ...process.env, OPENSPEC_TELEMETRY: "0", OPENSPEC_NO_UPDATE_CHECK: "1", HOME: repository.path };
    const args = [openspec, "archive", id ?? "none", "--yes", "--json"];
    await run(process.execPath, args, { cwd: repository.path, env }).catch(() => undefined);
  },
  commit: async (repository) => {
    await repository.git("add", "--all");
    await repository.git("commit", "--quiet", "--allow-empty", "--message", "Work");
  },
  branch: async (repository, pick) => {
    const name = `branch-${pick(3)}`;
    await repository.git("switch", "--quiet", name).catch(() => repository.git("switch", "--quiet", "--create", name));
  },
  main: (repository) => repository.git("switch", "--quiet", "main"),
  stash: (repository) => repository.git("stash", "--include-untracked"),
  unstash: (repository) => repository.git("stash", "pop"),
  rebase: async (repository, pick) => {
    await repository
      .git("rebase", "--quiet", pick(2) === 0 ? "main" : "branch-0")
      .catch(() => repository.git("rebase", "--abort"));
  },
};

/** What may be refused, as git refuses a switch over unsaved work, is a step that does nothing. */
export async function takeSteps(repository: TemporaryRepository, pick: (below: number) => number): Promise<string[]> {
  const names = Object.keys(STEPS);
  const taken = Array.from({ length: 1 + pick(4) }, () => names[pick(names.length)]!);
  for (const name of taken) await STEPS[name]!(repository, pick).catch(() => undefined);
  return taken;
}

/** A hash over git's index, HEAD and every file with its time stamp: the same as long as nobody writes. */
export async function fingerprint(repository: TemporaryRepository): Promise<string> {
  const hash = createHash("sha256");
  for (const name of ["index", "HEAD"])
    hash.update(await readFile(join(repository.path, ".git", name)).catch(() => ""));
  hash.update(await repository.git("for-each-ref"));
  const entries = await readdir(repository.path, { recursive: true, withFileTypes: true });
  const paths = entries
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !`${path}/`.includes("/.git/"));
  for (const path of paths.sort()) {
    const { mtimeMs, size, mode, ino } = await lstat(path);
    hash.update(`${path} ${mtimeMs} ${size} ${mode} ${ino}\n`);
  }
  return hash.digest("hex");
}

async function anyChange(
  repository: TemporaryRepository,
  pick: (below: number) => number,
): Promise<string | undefined> {
  const entries = await readdir(changesOf(repository)).catch(() => []);
  const ids = entries.filter((name) => name !== "archive" && !name.startsWith(".")).sort();
  return ids[pick(ids.length)];
}

function changesOf({ path }: TemporaryRepository): string {
  return join(path, "openspec/changes");
}
