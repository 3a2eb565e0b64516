import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { openGit } from "./adapters/git/index.ts";
import { stateRoot, statePaths, type StatePaths } from "./foundation/paths.ts";

/** Where a repository's daemon keeps its state, worktrees of one repository sharing it. */
export async function findPlaces(path: string): Promise<{ repository: string; paths: StatePaths }> {
  const git = await openGit(path);
  const { worktree, commonDirectory } = git.places;
  const root = stateRoot(worktree, commonDirectory);
  return { repository: worktree, paths: statePaths(root, runtimeDirectory(root)) };
}

/** A private directory for the socket of a repository whose own path is too long for one. */
function runtimeDirectory(root: string): string {
  const name = createHash("sha256").update(root).digest("hex").slice(0, 16);
  const directory = join(tmpdir(), `specloop-${userInfo().uid}`, name);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  return directory;
}
