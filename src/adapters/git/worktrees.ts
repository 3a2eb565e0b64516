import { existsSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { checkRevision } from "./arguments.ts";
import { GitRunner } from "./run.ts";

/** One of the places where a repository is checked out. Paths absolute and real. */
export interface Worktree {
  path: string;
  /** Short name of the branch; null when HEAD is detached. */
  branch: string | null;
}

/** Worktrees that are looked at; a repository with more has machines at work that nobody watches. */
const MAX_WORKTREES = 50;

/** Every worktree that is there, the main one first (git-worktree(1)); those whose folder is gone are left out. */
export async function listWorktrees(directory: string, env: NodeJS.ProcessEnv = process.env): Promise<Worktree[]> {
  const run = new GitRunner({ directory, env });
  const output = await run.read(["worktree", "list", "--porcelain", "-z"]);
  const entries = output.split("\0\0").filter((entry) => entry.startsWith("worktree "));
  return entries.slice(0, MAX_WORKTREES).flatMap((entry) => {
    const lines = entry.split("\0");
    const path = lines[0]!.slice("worktree ".length);
    // In a submodule git names its own git directory as the main worktree.
    if (lines.includes("bare") || !existsSync(join(path, ".git"))) return [];
    const branch = lines.find((line) => line.startsWith("branch refs/heads/"));
    return [{ path: realpathSync(path), branch: branch?.slice("branch refs/heads/".length) ?? null }];
  });
}

/** Where two commits parted; null when they have nothing in common, or one is not here. */
export async function mergeBase(
  directory: string,
  commits: [string, string],
  env: NodeJS.ProcessEnv = process.env,
): Promise<string | null> {
  const run = new GitRunner({ directory, env });
  const answer = await run.read(["merge-base", ...commits.map(checkRevision)], [1, 128]);
  return answer.trim() || null;
}
