import { sha256 } from "../../foundation/hash.ts";
import { SpecloopError } from "../../foundation/errors.ts";
import type { Principal } from "../../foundation/principal.ts";
import type { RollbackDesk } from "./port.ts";

interface Moment {
  attempt: number;
  when: "before" | "after";
}

/** Keys of nodes hold characters that a name of a ref may not, so their hash stands for them. */
export function snapshotName(runId: string, key: string, { attempt, when }: Moment): string {
  return `${runId}/${sha256(key).slice(0, 12)}/${attempt}-${when}`;
}

/** Keeps the documents around an attempt; the commit. Throws `no_commits` where there is nothing to come back to. */
export async function takeSnapshot(
  desk: RollbackDesk | null,
  about: Moment & { runId: string; key: string; principal: Principal },
): Promise<string> {
  const { runId, key, attempt, when, principal } = about;
  const why = `${when} ${key} (attempt ${attempt}) of run ${runId}`;
  const commit = await desk?.snapshot(snapshotName(runId, key, { attempt, when }), { why, principal });
  if (commit !== null && commit !== undefined) return commit;
  throw new SpecloopError("no_commits", "A snapshot needs a repository with a commit.", {
    target: key,
    fix: "Make a first commit, or take `snapshot: true` from the node.",
  });
}
