import { readFile } from "node:fs/promises";
import { basename, resolve, sep } from "node:path";
import { listWorktrees, openGit, type Git } from "../../adapters/git/index.ts";
import { findStore, type PlanningRoot } from "../../adapters/openspec/index.ts";
import type { Diagnostic } from "../../foundation/errors.ts";
import { toRepositoryPath } from "../../foundation/paths.ts";
import { keyOf, type Place } from "./place.ts";

export interface Surroundings {
  git: Git;
  env: NodeJS.ProcessEnv;
  roots: PlanningRoot[];
  /** Folders of the worktree that have a `.git` of their own. */
  repositories: string[];
}

export interface FoundPlaces {
  places: Map<string, Place>;
  /** A `store:` that leads nowhere, by the path of its planning root. */
  problems: Map<string, Diagnostic>;
}

/** Where else the repository's planning lies now. What cannot be read is left out. */
export async function findPlaces(surroundings: Surroundings): Promise<FoundPlaces> {
  const [worktrees, submodules, stores] = await Promise.all([
    worktreesOf(surroundings),
    submodulesOf(surroundings),
    storesOf(surroundings),
  ]);
  const places = [...worktrees, ...submodules, ...stores.places];
  return { places: new Map(places.map((place) => [keyOf(place), place])), problems: stores.problems };
}

async function worktreesOf({ git, env }: Surroundings): Promise<Place[]> {
  const { worktree } = git.places;
  const listed = await listWorktrees(worktree, env);
  const others = listed.filter(({ path }) => path !== worktree);
  return Promise.all(
    others.map(async ({ path }) => {
      const places = await openGit(path, { env }).then(
        (there) => there.places,
        () => null,
      );
      // Only linked worktrees have a name in git.
      const isLinked = places !== null && places.gitDirectory !== places.commonDirectory;
      const name = basename(isLinked ? places.gitDirectory : path);
      return { kind: "worktree" as const, name, directory: path };
    }),
  );
}

/** A submodule's `.git` is a file that leads into the repository's own git directory; other clones are nobody's here. */
async function submodulesOf({ git, repositories }: Surroundings): Promise<Place[]> {
  const { worktree, gitDirectory } = git.places;
  const modules = resolve(gitDirectory, "modules") + sep;
  const places = repositories.map(async (directory) => {
    const file = await readFile(resolve(directory, ".git"), "utf8").catch(() => "");
    const target = resolve(directory, file.replace(/^gitdir:\s*/, "").trim());
    if (!file.startsWith("gitdir:") || !target.startsWith(modules)) return [];
    return [{ kind: "submodule" as const, name: toRepositoryPath(worktree, directory), directory }];
  });
  return (await Promise.all(places)).flat();
}

/** OpenSpec follows `store:` only from a folder that has neither specs/ nor changes/. */
async function storesOf({
  git,
  env,
  roots,
}: Surroundings): Promise<{ places: Place[]; problems: FoundPlaces["problems"] }> {
  const places: Place[] = [];
  const problems: FoundPlaces["problems"] = new Map();
  for (const { path, config, isEmpty } of roots) {
    if (config.store === null || !isEmpty) continue;
    const found = await findStore(config.store, git.places.worktree, env);
    if ("directory" in found) places.push({ kind: "store", name: found.id, directory: found.directory });
    else {
      const { problem: message, fix } = found;
      problems.set(path, { severity: "warning", code: "store_not_found", message, target: `${path}/config.yaml`, fix });
    }
  }
  return { places, problems };
}
