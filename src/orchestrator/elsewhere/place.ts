import type { PlanningRoot } from "../../adapters/openspec/index.ts";
import { SpecloopError } from "../../foundation/errors.ts";

/** A planning folder that is followed and never written: in another worktree, a submodule or a registered store. */
export interface Place {
  kind: "worktree" | "submodule" | "store";
  /** The worktree's own name in git, the submodule's path, the store's id. */
  name: string;
  /** Top of its worktree, absolute and real. */
  directory: string;
}

/** How a root there is called: `feature:openspec`, `libs/auth/openspec`, `store:plans`. */
export function nameOf(place: Place, root: PlanningRoot): string {
  switch (place.kind) {
    case "worktree":
      return `${place.name}:${root.path}`;
    case "submodule":
      return `${place.name}/${root.path}`;
    default:
      return root.path === "openspec" ? `store:${place.name}` : `store:${place.name}/${root.path}`;
  }
}

export function keyOf({ kind, directory }: Place): string {
  return `${kind}\0${directory}`;
}

/** Writing to what is only followed. */
export function elsewhereError({ name, directory }: PlanningRoot): SpecloopError {
  return new SpecloopError("root_elsewhere", `${name} (${directory}) is followed and not written from here.`, {
    target: name,
    fix: `Work on it where it lies: call specloop with --repo "${directory}".`,
  });
}
