import { openGit } from "./adapters/git/index.ts";
import { stateRoot, type StatePaths } from "./foundation/paths.ts";
import { placesOf } from "./foundation/rendezvous.ts";

/** Where a repository's daemon keeps its state, worktrees of one repository sharing it. */
export async function findPlaces(path: string): Promise<{ repository: string; root: string; paths: StatePaths }> {
  const git = await openGit(path);
  const { worktree, commonDirectory } = git.places;
  const root = stateRoot(worktree, commonDirectory);
  return { repository: worktree, root, paths: placesOf(root) };
}
