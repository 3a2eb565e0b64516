import { basename, isAbsolute, join } from "node:path";
import type { Git } from "../adapters/git/index.ts";
import { findRoots, readRoot, type FoundRoots, type PlanningRoot } from "../adapters/openspec/index.ts";
import { SpecloopError } from "../foundation/errors.ts";
import { resolveInside, toRepositoryPath } from "../foundation/paths.ts";

/**
 * The planning roots to look after: the ones that `watchPath` names, or every one of the repository. A path that ends in
 * `changes` means the folder that holds it. Throws `path_outside_root`, and `bad_config` for a folder of another name:
 * OpenSpec knows only `openspec/`.
 */
export async function planningRoots(git: Git, watchPath: string): Promise<FoundRoots> {
  const { worktree } = git.places;
  const named = watchPath
    .split(",")
    .map((path) =>
      path
        .trim()
        .replace(/\/+$/, "")
        .replace(/\/changes$/, ""),
    )
    .filter((path) => path !== "");
  if (named.length === 0) return findRoots(worktree, (path) => git.isIgnored(path));
  const directories = named.map((path) => directoryOf(worktree, path));
  const roots = await Promise.all([...new Set(directories)].map((directory) => readRoot(worktree, directory)));
  return { roots, repositories: [] };
}

/** Folders to watch; where there is no planning root yet, the place where one would be made. */
export function watchedDirectories(git: Git, roots: PlanningRoot[]): string[] {
  return roots.length > 0 ? roots.map(({ directory }) => directory) : [join(git.places.worktree, "openspec")];
}

function directoryOf(worktree: string, path: string): string {
  const directory = resolveInside(worktree, isAbsolute(path) ? toRepositoryPath(worktree, path) : path);
  if (basename(directory) === "openspec") return directory;
  throw new SpecloopError("bad_config", `"${path}" is no planning folder: OpenSpec's is called openspec.`, {
    target: "openspec.watchPath",
    fix: "Name a folder called openspec inside the repository, or leave it out.",
  });
}
