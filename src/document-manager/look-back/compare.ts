import type { Git } from "../../adapters/git/index.ts";
import { SpecloopError } from "../../foundation/errors.ts";
import { unifiedDiff } from "../diff.ts";

export interface Comparison {
  path: string;
  from: string;
  to: string;
  /** Unified; empty when both are the same. */
  diff: string;
}

/** What stands for the document as it is in the working tree. */
export const NOW = "now";

/**
 * The difference between two states of a document. Each side is `now`, a commit, or a revision (blob id) that `doc_read`,
 * `doc_update` or the history named. Throws `not_found` for one that git does not have.
 */
export async function compare(
  git: Git,
  { path, from, to, now }: { path: string; from: string; to: string; now: string | null },
): Promise<Comparison> {
  const [before, after] = await Promise.all([from, to].map((side) => textOf(git, { path, side, now })));
  return { path, from, to, diff: unifiedDiff(path, before ?? null, after ?? null) };
}

async function textOf(
  git: Git,
  { path, side, now }: { path: string; side: string; now: string | null },
): Promise<string | null> {
  if (side === NOW) return now;
  const commit = await git.resolve(side);
  if (commit !== null) return (await git.read(commit, path))?.toString("utf8") ?? null;
  const blob = /^[0-9a-f]{40,64}$/.test(side) ? (await git.readBlobs([side])).get(side) : undefined;
  if (blob) return blob.toString("utf8");
  throw new SpecloopError("not_found", `"${side}" is no commit and no revision of ${path}.`, {
    target: side,
    fix: "Take a commit of doc_history, a revision of doc_read, HEAD, or now.",
  });
}
