import type { Overlap } from "./state.ts";

/** As it comes out of JSON: what may be absent may be undefined. */
type ShownOverlap = Omit<Overlap, "outcome"> & { outcome?: Overlap["outcome"] | undefined };

/** What people and agents read of an overlap. */
export function overlapLine({ change, capability, requirement, outcome }: ShownOverlap): string {
  const said =
    outcome === undefined ? "" : `; ${WORDS[outcome.state]}${outcome.in.map((place) => ` ${place}`).join(",")}`;
  return `${change}, ${capability}: ${requirement}${said}`;
}

const WORDS = {
  same: "both say the same",
  merges: "the two can be merged: whichever is archived second is brought up with change_merge",
  conflicts: "the two conflict in",
};
