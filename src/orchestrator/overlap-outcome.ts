import { mergeBlocks, saysTheSame } from "../adapters/openspec/index.ts";
import { modificationsOf, targetOf, type Modification } from "./bases/index.ts";
import type { ChangeFiles } from "./change-files.ts";
import type { Document } from "./document.ts";
import type { Overlap } from "./state.ts";

/** Overlaps of which is said how they will end; each takes a merge. */
const MAX_PREDICTED = 100;

/**
 * How each overlap will end when one of the two is archived and the other one merged: three ways, from what the spec says
 * now. Those with changes that lie elsewhere, or of which only one modifies what is there, are left as they are. Pure.
 */
export function withOutcomes(
  own: ChangeFiles,
  overlaps: Overlap[],
  around: { changes: ReadonlyMap<string, ChangeFiles>; specs: ReadonlyMap<string, Document> },
): Overlap[] {
  const ours = modificationsOf(own);
  return overlaps.map((overlap, index) => {
    const other = index < MAX_PREDICTED ? around.changes.get(overlap.change) : undefined;
    const find = (all: Modification[]) =>
      all.find((one) => one.capability === overlap.capability && one.requirement === overlap.requirement);
    const [mine, theirs] = [find(ours), other && find(modificationsOf(other))];
    const base = mine && targetOf(mine, around.specs.get(overlap.capability))?.raw;
    return mine && theirs && base !== undefined ? { ...overlap, outcome: outcomeOf(mine, theirs, base) } : overlap;
  });
}

function outcomeOf(mine: Modification, theirs: Modification, base: string): NonNullable<Overlap["outcome"]> {
  if (mine.operation === "REMOVED" || theirs.operation === "REMOVED")
    return mine.operation === theirs.operation ? SAME : { state: "conflicts", in: ["the whole requirement"] };
  if (mine.to !== null && theirs.to !== null && mine.to !== theirs.to) return { state: "conflicts", in: ["its name"] };
  if (mine.block === null || theirs.block === null)
    return mine.block === theirs.block ? SAME : { state: "merges", in: [] };
  const [ours, other] = [mine.block.raw, theirs.block.raw];
  if (saysTheSame(ours, other)) return SAME;
  const { conflicts } = mergeBlocks({ base, theirs: other, ours });
  if (conflicts.length === 0) return { state: "merges", in: [] };
  const places = conflicts.map(({ scenario }) => (scenario === null ? "its statement" : `the scenario "${scenario}"`));
  return { state: "conflicts", in: [...new Set(places)] };
}

const SAME = { state: "same" as const, in: [] };
