import { mergeBlocks, placedLines, saysTheSame } from "../../adapters/openspec/index.ts";
import type { ChangeFiles } from "../change-files.ts";
import type { Document } from "../document.ts";
import type { BaseState, ChangeState } from "../state.ts";
import { baseKey, type Base } from "./base.ts";
import { modificationsOf, renamedIn, targetOf, type Modification } from "./modifications.ts";

/** What archiving would lose text of: deltas whose spec moved, is gone, or of which nobody knows the base. Pure. */
export function staleBases({ bases }: Pick<ChangeState, "bases">): BaseState[] {
  return bases.filter(({ status }) => status !== "current");
}

/** Every requirement that a change modifies, removes or renames beside its base. Pure. */
export function baseStates(
  files: ChangeFiles,
  { specs }: { specs: ReadonlyMap<string, Document> },
  bases: ReadonlyMap<string, Base> = new Map(),
): BaseState[] {
  return modificationsOf(files).flatMap((modification) => {
    const base = bases.get(baseKey(modification));
    const spec = specs.get(modification.capability);
    // Nothing is said about a spec that cannot be read.
    if (!base || spec?.problem) return [];
    const main = targetOf(modification, spec)?.raw ?? null;
    const facts =
      main === null ? without(modification, base, renamedIn(spec, base.text)) : beside(modification, base, main);
    const { capability, requirement, operation, path, line } = modification;
    return [{ capability, requirement, operation, path, line, ...NOTHING, commit: base.commit, ...facts }];
  });
}

/** Whether a delta takes nothing from this text of the spec that its author did not see there. */
export function isCurrent(modification: Modification, base: Pick<Base, "text" | "source">, main: string): boolean {
  if (modification.operation === "RENAMED" || saysTheSame(base.text, main)) return base.source !== "unknown";
  if (modification.block === null) return false;
  const ours = modification.block.raw;
  if (base.source === "unknown") return difference(main, ours).length === 0;
  const { text } = mergeBlocks({ base: base.text, theirs: main, ours });
  return text !== null && saysTheSame(text, ours);
}

type Facts = Pick<BaseState, "status"> & Partial<BaseState>;

const NOTHING = { came: [], went: [], drops: [], returns: [], renamedTo: null };
const CURRENT: Facts = { status: "current" };
/** Lines of one kind that are named. */
const MAX_LINES = 200;

/** What is gone need not be removed; everything else has lost its target. */
function without({ operation }: Modification, base: Base, renamedTo: string | null): Facts {
  if (operation === "REMOVED") return CURRENT;
  return { status: "gone", went: difference(base.text, ""), renamedTo };
}

function beside(modification: Modification, base: Base, main: string): Facts {
  if (isCurrent(modification, base, main)) return CURRENT;
  const ours = modification.block?.raw ?? "";
  if (base.source === "unknown" && saysTheSame(base.text, main)) {
    if (modification.operation === "RENAMED") return CURRENT;
    return { status: "unknown", drops: difference(main, ours) };
  }
  const still = new Set(linesOf(ours));
  const went = onlyIn(base.text, main);
  return {
    status: "moved",
    came: shown(onlyIn(main, base.text)),
    went: shown(went),
    drops: shown(onlyIn(main, base.text, ours)),
    returns: shown(went.filter((line) => still.has(line))),
  };
}

function difference(block: string, other: string): string[] {
  return shown(onlyIn(block, other));
}

function shown(lines: string[]): string[] {
  return lines.slice(0, MAX_LINES).map((line) => line.slice(line.indexOf("\0") + 1));
}

/** Lines of a block, with their scenario, that none of the others has in the same one. */
function onlyIn(block: string, ...others: string[]): string[] {
  const known = new Set(others.flatMap((other) => linesOf(other)));
  return linesOf(block).filter((line) => !known.has(line));
}

function linesOf(block: string): string[] {
  return block === "" ? [] : placedLines(block).map(({ scenario, line }) => `${scenario ?? ""}\0${line}`);
}
