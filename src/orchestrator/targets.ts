import { foldName, type ParsedDelta, type Requirement } from "../adapters/openspec/index.ts";
import type { Diagnostic } from "../foundation/errors.ts";
import type { Document } from "./document.ts";

/** One delta file beside the main spec that it is to be merged into. */
export interface Merge {
  capability: string;
  path: string;
  delta: ParsedDelta;
  /** Null when the capability is new, `unreadable` when nothing can be said about it. */
  main: MainSpec | null | "unreadable";
  /** Other changes that add a requirement, by name: what is missing may be on its way. */
  addedElsewhere(name: string): string[];
}

/** The requirements of one main spec, made ready for many deltas. */
export interface MainSpec {
  blocks: ReadonlyMap<string, Requirement>;
  /** Names as they are, by their folded form. */
  folds: ReadonlyMap<string, string>;
}

export function makeMain(document: Document): MainSpec | "unreadable" {
  if (document.problem) return "unreadable";
  const requirements = document.content.spec?.requirements ?? [];
  return {
    blocks: new Map(requirements.map((block) => [block.name, block])),
    folds: new Map(requirements.map(({ name }) => [foldName(name), name])),
  };
}

/**
 * What OpenSpec's archive would refuse or silently do: operations on requirements that are not there, additions of ones
 * that are, scenarios that a modification drops. Rules as in openspec 1.13 (`specs-apply`), order RENAMED, REMOVED,
 * MODIFIED, ADDED. A main spec that could not be read gives no finding.
 */
export function targetFindings(merge: Merge): Diagnostic[] {
  if (merge.main === "unreadable") return [];
  const { delta } = merge;
  const main = merge.main?.blocks ?? NONE;
  const after = afterRenames(main, delta.renamed);
  return [
    ...delta.renamed.flatMap((rename) => renamedFindings(merge, main, rename)),
    ...delta.removed.flatMap(({ name, line }) =>
      main.has(name) ? [] : [missing(merge, { operation: "REMOVED", name, line })],
    ),
    ...delta.modified.flatMap((block) => modifiedFindings(merge, after, block)),
    ...delta.added.flatMap((block) => addedFindings(merge, after, block)),
  ];
}

interface Wanted {
  operation: "MODIFIED" | "REMOVED" | "RENAMED";
  name: string;
  line: number;
}

type Blocks = ReadonlyMap<string, Requirement>;

const NONE: Blocks = new Map();

function afterRenames(main: Blocks, renamed: ParsedDelta["renamed"]): Blocks {
  if (renamed.length === 0) return main;
  const after = new Map(main);
  for (const { from, to } of renamed) {
    const block = after.get(from);
    if (block && !after.has(to)) after.set(to, block);
    after.delete(from);
  }
  return after;
}

/** A rename whose new name is there and whose old one is gone was carried out already. */
function renamedFindings(merge: Merge, main: Blocks, { from, to, line }: ParsedDelta["renamed"][number]): Diagnostic[] {
  if (!main.has(from)) return main.has(to) ? [] : [missing(merge, { operation: "RENAMED", name: from, line })];
  return main.has(to) ? [exists(merge, to, line, `the new name of "${from}" is taken`)] : [];
}

function modifiedFindings(merge: Merge, main: Blocks, block: Requirement): Diagnostic[] {
  const current = main.get(block.name);
  if (!current) return [missing(merge, { operation: "MODIFIED", name: block.name, line: block.line })];
  const kept = new Set(block.scenarios.map(({ name }) => name));
  const dropped = current.scenarios.filter(({ name }) => !kept.has(name)).map(({ name }) => `"${name}"`);
  if (dropped.length === 0) return [];
  return [
    {
      severity: "error",
      code: "scenarios_dropped",
      message: `MODIFIED "${block.name}" leaves out ${dropped.join(", ")}, which the spec has; archive refuses that.`,
      target: `${merge.path}:${block.line}`,
      fix: "Copy the missing scenarios from the spec: a modification replaces the whole requirement.",
    },
  ];
}

/** The same text that is there already was brought over early, and archive passes over it. */
function addedFindings(merge: Merge, main: Blocks, block: Requirement): Diagnostic[] {
  const current = main.get(block.name);
  if (current)
    return current.raw === block.raw ? [] : [exists(merge, block.name, block.line, "the spec has it already")];
  const near = nearMiss(merge, block.name);
  if (near === undefined) return [];
  return [exists(merge, block.name, block.line, `the spec has "${near}", which differs in case or spacing alone`)];
}

function missing(merge: Merge, { operation, name, line }: Wanted): Diagnostic {
  const near = nearMiss(merge, name);
  const others = merge.addedElsewhere(name);
  const where = merge.main
    ? `the spec of ${merge.capability} does not have it`
    : `${merge.capability} has no main spec`;
  // Archive only warns about a removal of what is gone, and another change may bring what is missing.
  const severity = operation === "REMOVED" || others.length > 0 ? "warning" : "error";
  return {
    severity,
    code: "target_missing",
    message: `${operation} "${name}": ${where}${others.length > 0 ? `; ${others.join(", ")} adds it` : ""}.`,
    target: `${merge.path}:${line}`,
    fix: advice(near, others),
  };
}

function advice(near: string | undefined, others: string[]): string {
  if (near !== undefined) return `Write the name as the spec does: "${near}".`;
  return others.length > 0
    ? `Archive ${others.join(", ")} first.`
    : "Use the exact name from the spec, or ADDED for a new requirement.";
}

function exists(merge: Merge, name: string, line: number, why: string): Diagnostic {
  return {
    severity: "error",
    code: "target_exists",
    message: `"${name}" cannot be added to ${merge.capability}: ${why}.`,
    target: `${merge.path}:${line}`,
    fix: "Use MODIFIED with the name that the spec has, or choose another name.",
  };
}

function nearMiss({ main }: Merge, name: string): string | undefined {
  const near = main && main !== "unreadable" ? main.folds.get(foldName(name)) : undefined;
  return near === name ? undefined : near;
}
