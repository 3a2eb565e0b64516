import { openGit } from "./adapters/git/index.ts";
import { stateRoot, type StatePaths } from "./foundation/paths.ts";
import { placesOf } from "./foundation/rendezvous.ts";

/** Where a repository is and where its daemon keeps its state; all worktrees of a repository share both. */
export interface Places {
  /** Top of the worktree that `path` lies in. */
  worktree: string;
  /** Top of the worktree that the daemon serves first: the main one; where git has none (a bare one), `worktree`. */
  repository: string;
  /** The folder that holds `.specloop/`. */
  root: string;
  paths: StatePaths;
}

export async function findPlaces(path: string): Promise<Places> {
  const git = await openGit(path);
  const { worktree, commonDirectory } = git.places;
  const root = stateRoot(commonDirectory);
  const repository = root === worktree || (await isWorktree(root, commonDirectory)) ? root : worktree;
  return { worktree, repository, root, paths: placesOf(root) };
}

async function isWorktree(folder: string, commonDirectory: string): Promise<boolean> {
  const git = await openGit(folder).catch(() => null);
  return git?.places.worktree === folder && git.places.commonDirectory === commonDirectory;
}
