import { mergeBlocks, type Requirement } from "../../adapters/openspec/index.ts";
import { baseKey, baseStates, modificationsOf, targetOf, type Base, type Modification } from "../bases/index.ts";
import type { ChangeFiles } from "../change-files.ts";
import type { Document } from "../document.ts";
import type { BaseState } from "../state.ts";
import type { MergedBlock } from "./port.ts";

/** One requirement as it is to be merged. */
export interface PlannedBlock extends MergedBlock {
  modification: Modification;
  /** The block of the delta as it will be, with `\n` line ends; null when it stays. */
  text: string | null;
  /** What the spec says now; null when it has no such requirement. */
  main: string | null;
}

export interface ToPlan {
  files: ChangeFiles;
  specs: ReadonlyMap<string, Document>;
  bases: ReadonlyMap<string, Base>;
  /** Requirements of which a person says that the delta stands. */
  resolved: ReadonlySet<string>;
}

/** What a merge does with every requirement whose base is not current. Pure. */
export function planMerge({ files, specs, bases, resolved }: ToPlan): PlannedBlock[] {
  const modifications = new Map(modificationsOf(files).map((one) => [baseKey(one), one]));
  const stale = baseStates(files, { specs }, bases).filter(({ status }) => status !== "current");
  return stale.map((state) => {
    const modification = modifications.get(baseKey(state))!;
    const base = bases.get(baseKey(state))!;
    const spec = specs.get(state.capability);
    const main = targetOf(modification, spec)?.raw ?? null;
    const common = { ...namesOf(state), modification, main, text: null, conflicts: [] };
    const isResolved = resolved.has(state.requirement) || resolved.has(`${state.capability}/${state.requirement}`);
    if (isResolved) return { ...common, outcome: "resolved" };
    return { ...common, ...mergeOne({ modification, base, main, renamed: renamedBlock(state, spec) }) };
  });
}

interface OneBlock {
  modification: Modification;
  base: Base;
  main: string | null;
  /** The block that the requirement became, where only its name changed. */
  renamed: Requirement | undefined;
}

function mergeOne({
  modification,
  base,
  main,
  renamed,
}: OneBlock): Pick<PlannedBlock, "outcome" | "text" | "conflicts"> {
  const ours = modification.block?.raw ?? null;
  const known = base.source === "unknown" ? null : base.text;
  const theirs = main ?? renamed?.raw ?? null;
  const whole = { scenario: null, base: known, theirs, ours };
  if (ours === null || theirs === null || known === null || (main === null && modification.to !== null)) {
    return { outcome: "conflict", text: null, conflicts: [whole] };
  }
  const { text, conflicts } = mergeBlocks({ base: known, theirs, ours });
  if (text === null) return { outcome: "conflict", text: null, conflicts };
  return { outcome: "merged", text: main === null ? underName(text, renamed!.name) : text, conflicts: [] };
}

function renamedBlock({ renamedTo }: BaseState, spec: Document | undefined): Requirement | undefined {
  return renamedTo === null ? undefined : targetOf({ requirement: renamedTo, to: null }, spec);
}

function underName(text: string, name: string): string {
  return text.replace(/^[^\n]*/, () => `### Requirement: ${name}`);
}

function namesOf({ capability, requirement, path, line, came, went }: BaseState) {
  return { capability, requirement, path, line, came, went };
}
