import { foldName, type ParsedDelta, type Requirement, type SpecProblem } from "../adapters/openspec/index.ts";
import type { Diagnostic } from "../foundation/errors.ts";
import type { Document } from "./document.ts";

/** One delta file beside the main spec that it is to be merged into. */
export interface Merge {
  capability: string;
  path: string;
  delta: ParsedDelta;
  /** Null when the capability is new, `unreadable` when nothing can be said about it. */
  main: MainSpec | null | "unreadable";
  /** The change says that a capability may go with its last requirement. */
  retires: boolean;
  /** Other changes that add a requirement, by name: what is missing may be on its way. */
  addedElsewhere(name: string): string[];
}

/** The requirements of one main spec, made ready for many deltas. */
export interface MainSpec {
  path: string;
  blocks: ReadonlyMap<string, Requirement>;
  /** Names as they are, by their folded form. */
  folds: ReadonlyMap<string, string[]>;
  /** Why archive would not write it, whatever a delta says. */
  problems: readonly SpecProblem[];
}

export function makeMain({ path, problem, content }: Document): MainSpec | "unreadable" {
  if (problem) return "unreadable";
  const requirements = content.spec?.requirements ?? [];
  return {
    path,
    blocks: new Map(requirements.map((block) => [block.name, block])),
    folds: foldsOf(requirements.map(({ name }) => name)),
    problems: content.spec?.problems ?? [],
  };
}

/**
 * What OpenSpec's archive would refuse or silently do: operations on requirements that are not there, additions of ones
 * that are, scenarios that a modification drops, a spec that it does not write. Rules as in openspec 1.13
 * (`specs-apply`), order RENAMED, REMOVED, MODIFIED, ADDED, each against what the ones before it left. A main spec that
 * could not be read gives no finding.
 */
export function targetFindings(merge: Merge): Diagnostic[] {
  if (merge.main === "unreadable") return [];
  const { delta } = merge;
  const standing = new Standing(merge.main);
  const found = [
    ...delta.renamed.flatMap((rename) => renamedFindings(merge, standing, rename)),
    ...delta.removed.flatMap((removal) => removedFindings(merge, standing, removal)),
    ...delta.modified.flatMap((block) => modifiedFindings(merge, standing, block)),
    ...delta.added.flatMap((block) => addedFindings(merge, standing, block)),
  ];
  const isRefused = found.some(({ severity }) => severity === "error");
  return isRefused ? found : [...found, ...emptied(merge, standing), ...unwritten(merge)];
}

interface Wanted {
  operation: "MODIFIED" | "REMOVED" | "RENAMED";
  name: string;
  line: number;
}

/** The requirements of a spec while a delta is carried out. */
class Standing {
  readonly #main: Pick<MainSpec, "blocks" | "folds">;
  readonly #gone = new Set<string>();
  readonly #came = new Map<string, Requirement>();
  readonly #cameFolds = new Map<string, string[]>();

  constructor(main: MainSpec | null) {
    this.#main = main ?? { blocks: new Map(), folds: new Map() };
  }

  get size(): number {
    return this.#main.blocks.size - this.#gone.size + this.#came.size;
  }

  get(name: string): Requirement | undefined {
    return this.#came.get(name) ?? (this.#gone.has(name) ? undefined : this.#main.blocks.get(name));
  }

  /** Whether it is there, or was before the delta. */
  had(name: string): boolean {
    return this.#came.has(name) || this.#main.blocks.has(name);
  }

  remove(name: string): void {
    if (!this.#came.delete(name) && this.#main.blocks.has(name)) this.#gone.add(name);
  }

  add(name: string, block: Requirement): void {
    if (this.get(name)) return;
    this.#came.set(name, block);
    const fold = foldName(name);
    this.#cameFolds.set(fold, [...(this.#cameFolds.get(fold) ?? []), name]);
  }

  /** A name that is there and differs in case or spacing alone. */
  near(name: string, except?: string): string | undefined {
    const fold = foldName(name);
    const names = [...(this.#main.folds.get(fold) ?? []), ...(this.#cameFolds.get(fold) ?? [])];
    return names.find((other) => other !== name && other !== except && this.get(other) !== undefined);
  }
}

function foldsOf(names: string[]): Map<string, string[]> {
  return Map.groupBy(names, foldName);
}

/** A rename whose new name is there and whose old one is gone was carried out already. */
function renamedFindings(
  merge: Merge,
  standing: Standing,
  { from, to, line }: ParsedDelta["renamed"][number],
): Diagnostic[] {
  const wanted = { operation: "RENAMED" as const, name: from, line };
  const block = standing.get(from);
  if (!block) {
    const near = standing.near(from, to);
    return standing.get(to) && near === undefined ? [] : [missing(merge, wanted, near)];
  }
  if (standing.get(to)) return [exists(merge, to, line, `the new name of "${from}" is taken`)];
  const near = standing.near(to, from);
  if (near !== undefined) return [exists(merge, to, line, `the spec has "${near}", ${NEARLY}`)];
  standing.remove(from);
  standing.add(to, block);
  return [];
}

function removedFindings(
  merge: Merge,
  standing: Standing,
  { name, line }: ParsedDelta["removed"][number],
): Diagnostic[] {
  const near = standing.near(name);
  // What the delta itself took away before is OpenSpec's to judge.
  const isThere = standing.had(name);
  standing.remove(name);
  return isThere ? [] : [missing(merge, { operation: "REMOVED", name, line }, near)];
}

function modifiedFindings(merge: Merge, standing: Standing, block: Requirement): Diagnostic[] {
  const { name, line } = block;
  const current = standing.get(name);
  if (!current) return [missing(merge, { operation: "MODIFIED", name, line }, standing.near(name))];
  const kept = new Set(block.scenarios.map((scenario) => scenario.name));
  const dropped = current.scenarios.filter((scenario) => !kept.has(scenario.name)).map((one) => `"${one.name}"`);
  if (dropped.length === 0) return [];
  return [
    {
      severity: "error",
      code: "scenarios_dropped",
      message: `MODIFIED "${name}" leaves out ${dropped.join(", ")}, which the spec has; archive refuses that.`,
      target: `${merge.path}:${line}`,
      fix: "Copy the missing scenarios from the spec: a modification replaces the whole requirement.",
    },
  ];
}

/** The same text that is there already was brought over early, and archive passes over it. */
function addedFindings(merge: Merge, standing: Standing, block: Requirement): Diagnostic[] {
  const current = standing.get(block.name);
  if (current)
    return current.raw === block.raw ? [] : [exists(merge, block.name, block.line, "the spec has it already")];
  const near = standing.near(block.name);
  standing.add(block.name, block);
  return near === undefined ? [] : [exists(merge, block.name, block.line, `the spec has "${near}", ${NEARLY}`)];
}

const NEARLY = "which differs in case or spacing alone";

/** A spec without requirements is refused, unless the change says that the capability goes. */
function emptied({ capability, path, delta, retires }: Merge, standing: Standing): Diagnostic[] {
  if (standing.size > 0 || delta.removed.length === 0 || retires) return [];
  return [
    {
      severity: "error",
      code: "spec_emptied",
      message: `Nothing would be left in the spec of ${capability}, and archive refuses to write a spec without requirements.`,
      target: `${path}:${delta.removed[0]!.line}`,
      fix: "Keep a requirement, or say that the capability goes: `retire_capabilities: true` in the change's .openspec.yaml.",
    },
  ];
}

/** Archive writes only specs that are whole; what the delta replaces or removes does not count. */
function unwritten({ main, capability, delta }: Merge): Diagnostic[] {
  if (!main || main === "unreadable" || main.problems.length === 0) return [];
  const replaced = new Set([...delta.modified, ...delta.removed].map(({ name }) => name));
  for (const { from, to } of delta.renamed) if (replaced.has(to)) replaced.add(from);
  const left = main.problems.filter(({ requirement }) => requirement === null || !replaced.has(requirement));
  const [first] = left;
  if (!first) return [];
  const more = left.length > 1 ? ` (and ${left.length - 1} more)` : "";
  return [
    {
      severity: "error",
      code: "spec_not_whole",
      message: `Archive refuses to write the spec of ${capability} as it is: ${first.message}${more}.`,
      target: `${main.path}:${first.line}`,
      fix: `Mend the spec first; \`openspec validate ${capability} --type spec\` lists everything.`,
    },
  ];
}

function missing(merge: Merge, { operation, name, line }: Wanted, near: string | undefined): Diagnostic {
  const others = merge.addedElsewhere(name);
  const where = merge.main
    ? `the spec of ${merge.capability} does not have it`
    : `${merge.capability} has no main spec`;
  // Archive only warns about a removal of what is gone, and another change may bring what is missing.
  const isHarmless = operation === "REMOVED" && near === undefined;
  const severity = isHarmless || others.length > 0 ? "warning" : "error";
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
