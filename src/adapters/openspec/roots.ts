import type { Dirent } from "node:fs";
import { lstat, open, readdir, realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import { toRepositoryPath } from "../../foundation/paths.ts";
import { NO_CONFIG, readConfig } from "./metadata.ts";
import type { PlanningConfig, PlanningRoot } from "./port.ts";

/** Bounds of the search: planning folders lie near the top, and a repository may hold a million folders. */
const MAX_DEPTH = 5;
const MAX_DIRECTORIES = 20_000;
const MAX_ROOTS = 100;
const MAX_CONFIG_BYTES = 256 * 1024;

const SKIPPED = new Set(["node_modules", "vendor", "target", "dist", "build", "coverage", "__pycache__"]);
/** One of these makes a folder called `openspec` a planning root. */
const SIGNS = ["changes", "specs", "config.yaml", "config.yml", "project.md"];

/** What was found in a worktree. */
export interface FoundRoots {
  /** The top one first. */
  roots: PlanningRoot[];
  /** Folders with a `.git` of their own: submodules, other worktrees, clones. Their planning is theirs. */
  repositories: string[];
}

/**
 * Every `openspec/` folder of the worktree. Hidden and dependency folders are not searched, symbolic links not followed,
 * nothing below a planning root is another one, and what another repository has is not this one's. `isIgnored` says what
 * git ignores.
 */
export async function findRoots(
  worktree: string,
  isIgnored: (path: string) => Promise<boolean> = async () => false,
): Promise<FoundRoots> {
  const top = await realpath(worktree);
  const roots: PlanningRoot[] = [];
  const repositories: string[] = [];
  let level = [top];
  let seen = 0;
  for (let depth = 0; depth <= MAX_DEPTH && level.length > 0; depth += 1) {
    const next: string[] = [];
    for (const directory of level) {
      seen += 1;
      if (seen > MAX_DIRECTORIES || roots.length >= MAX_ROOTS) return { roots, repositories };
      const entries = await entriesOf(directory);
      if (directory !== top && entries.some(({ name }) => name === ".git")) {
        repositories.push(directory);
        continue;
      }
      for (const name of childDirectories(entries)) {
        if (name !== "openspec") next.push(join(directory, name));
        else if (await isRoot(join(directory, name))) roots.push(await readRoot(top, join(directory, name)));
      }
    }
    level = next;
  }
  const ignored = await Promise.all(roots.map(({ path }) => isIgnored(path)));
  return { roots: roots.filter((_root, index) => !ignored[index]), repositories };
}

/** The planning root in a folder that somebody named. */
export async function readRoot(worktree: string, directory: string): Promise<PlanningRoot> {
  const path = toRepositoryPath(worktree, directory);
  const held = await Promise.all(["specs", "changes"].map((name) => isDirectory(join(directory, name))));
  const config = await readConfigOf(worktree, directory);
  return { path, name: path, directory, config, isEmpty: !held.includes(true) };
}

async function entriesOf(directory: string): Promise<Dirent[]> {
  try {
    return await readdir(directory, { withFileTypes: true });
  } catch {
    // Unreadable or gone meanwhile: there is nothing of ours in it.
    return [];
  }
}

function childDirectories(entries: Dirent[]): string[] {
  return entries
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith(".") && !SKIPPED.has(entry.name))
    .map(({ name }) => name)
    .sort();
}

async function isRoot(directory: string): Promise<boolean> {
  const found = await Promise.all(SIGNS.map((name) => lstat(join(directory, name)).catch(() => null)));
  return found.some((stats) => stats !== null);
}

async function isDirectory(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null))?.isDirectory() === true;
}

async function readConfigOf(worktree: string, directory: string): Promise<PlanningConfig> {
  for (const name of ["config.yaml", "config.yml"]) {
    const path = join(directory, name);
    const content = await readSmall(path);
    if (content !== null) return readConfig(content, toRepositoryPath(worktree, path));
  }
  return { ...NO_CONFIG, problems: [] };
}

/** Text of a regular file up to the limit; longer ones are cut, which the YAML reader then refuses. */
async function readSmall(path: string): Promise<string | null> {
  const stats = await lstat(path).catch(() => null);
  if (!stats?.isFile()) return null;
  const file = await open(path, "r");
  try {
    const buffer = Buffer.alloc(Math.min(stats.size, MAX_CONFIG_BYTES + 1));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
    return buffer.subarray(0, bytesRead).toString("utf8");
  } finally {
    await file.close();
  }
}
