import { join } from "node:path";
import type { Git } from "../../adapters/git/index.ts";
import { gitBlobId } from "../../foundation/hash.ts";
import { principalLabel, type Principal } from "../../foundation/principal.ts";
import type { ChangeState } from "../state.ts";
import type { Move } from "./journal.ts";
import type { Merged } from "./scratch.ts";
import { hashOfTree, readTree } from "./tree.ts";
import type { SpecSummary } from "./types.ts";

/** A move with the contents that it brings, in the order of `move.files`. */
export interface Plan {
  move: Move;
  contents: (Buffer | null)[];
}

export interface PlanContext {
  git: Git;
  /** Id of the journal's entry. */
  id: string;
  principal: Principal;
  trailers?: Record<string, string>;
}

/** What OpenSpec made, as a move of the person's files. `folder` overrides the archive's name where one was approved. */
export async function planArchive(
  state: ChangeState,
  merged: Merged,
  { git, id, principal, trailers = {} }: PlanContext,
  approvedTo?: string,
): Promise<Plan> {
  const to = approvedTo ?? `${state.root}/changes/archive/${merged.archivedAs}`;
  const files = merged.specs.map(({ capability, before, after }) => ({
    path: `${state.root}/specs/${capability}/spec.md`,
    before: before === null ? null : gitBlobId(before),
    after: after === null ? null : gitBlobId(after),
  }));
  const { totals } = merged.report;
  const counts = (["added", "modified", "removed", "renamed"] as const).filter((kind) => totals[kind] > 0);
  const body = counts.map((kind) => `${totals[kind]} ${kind}`).join(", ") || "No requirement changes";
  return {
    move: {
      from: state.path,
      to,
      folder: hashOfTree(await readTree(join(git.places.worktree, state.path))),
      files,
      message: `Archive ${state.id}\n\nRequirements: ${body}.\n`,
      trailers: {
        "Specloop-Change": state.id,
        "Specloop-Archive": id,
        "Specloop-Principal": principalLabel(principal),
        ...trailers,
      },
    },
    contents: merged.specs.map(({ after }) => after),
  };
}

/** Paths that the commit of a move is made of: the specs, and the folder's files under both names. */
export async function pathsOf(git: Git, { from, to, files }: Move, commit: string): Promise<string[]> {
  const inFolder = [...(await git.list(commit, from)).keys()];
  const moved = inFolder.map((path) => `${to}${path.slice(from.length)}`);
  return [...files.map(({ path }) => path), ...inFolder, ...moved];
}

export function summaryOf({ files }: Move): SpecSummary[] {
  return files.map(({ path, before, after }) => ({
    path,
    what: before === null ? "created" : after === null ? "removed" : "changed",
  }));
}
