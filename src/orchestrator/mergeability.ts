import type { Verdict } from "../adapters/openspec/index.ts";
import type { Diagnostic } from "../foundation/errors.ts";
import { staleBases } from "./bases/index.ts";
import type { BaseState, Mergeability, Overlap } from "./state.ts";

interface MergeFacts {
  /** Findings about the specs that the deltas are to be merged into, and about the change as a whole. */
  refusals: Diagnostic[];
  bases: BaseState[];
  overlaps: Overlap[];
}

/** What the files say about an archive. Pure. */
export function mergeabilityOf({ refusals, bases, overlaps }: MergeFacts): Mergeability {
  if (refusals.some(({ severity }) => severity === "error")) return { state: "would_refuse", overlaps };
  if (staleBases({ bases }).length > 0) return { state: "stale_base", overlaps };
  return { state: overlaps.length > 0 ? "overlaps" : "clean", overlaps };
}

/** The one error with which OpenSpec 1.13 archives all the same: a change without deltas has nothing to merge. */
const NO_DELTAS = "Change must have at least one delta.";

/** The same with OpenSpec's verdict on these files: it archives nothing that it has an error about. Pure. */
export function withVerdict(mergeability: Mergeability, verdict: Verdict | null): Mergeability {
  const errors = verdict?.issues.filter(({ level, message }) => level === "ERROR" && !message.startsWith(NO_DELTAS));
  return errors?.length ? { ...mergeability, state: "would_refuse" } : mergeability;
}
