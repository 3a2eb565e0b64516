import type { Verdict } from "../adapters/openspec/index.ts";
import type { Diagnostic } from "../foundation/errors.ts";
import { archiveNameOf } from "./proposals.ts";
import type { Place, RootState, Stage } from "./state.ts";

/** What is remembered of a change between two looks, also over a restart. */
export interface Remembered {
  stage: Stage;
  place: Place;
  findings: Diagnostic[];
  verdict: Verdict | null;
  verdictHash: string | null;
}

/** What happened to one change. */
export interface Difference {
  id: string;
  from: Stage | null;
  /** Null: it is not here any more, because another branch is checked out. */
  to: Stage | null;
  added: Diagnostic[];
  resolved: Diagnostic[];
  standing: number;
}

/**
 * What happened between what is remembered and what is now. A change that vanished was archived when the archive has it;
 * it is elsewhere when another branch is checked out, and abandoned otherwise. Pure.
 */
export function compare(last: ReadonlyMap<string, Remembered>, now: RootState, branchSwitched: boolean): Difference[] {
  const differences: Difference[] = [];
  for (const [id, { stage, findings }] of now.changes) {
    const before = last.get(id);
    differences.push({
      id,
      from: before?.stage ?? null,
      to: stage,
      ...compareFindings(before?.findings ?? [], findings),
    });
  }
  for (const [id, before] of last) {
    if (now.changes.has(id)) continue;
    const to = fateOf(id, before, now, branchSwitched);
    differences.push({ id, from: before.stage, to, ...compareFindings(before.findings, []) });
  }
  return differences.filter(({ from, to, added, resolved }) => from !== to || added.length > 0 || resolved.length > 0);
}

function fateOf(id: string, before: Remembered, now: RootState, branchSwitched: boolean): Stage | null {
  if (archiveNameOf(id, now.archived) !== null) return "archived";
  if (before.stage === "abandoned") return "abandoned";
  return branchSwitched && before.place !== "branch" ? null : "abandoned";
}

/** Findings are the same when they say the same about the same file: lines move with every edit. */
function compareFindings(before: Diagnostic[], now: Diagnostic[]): Pick<Difference, "added" | "resolved" | "standing"> {
  const [old, current] = [new Set(before.map(nameOf)), new Set(now.map(nameOf))];
  const added = now.filter((finding) => !old.has(nameOf(finding)));
  const resolved = before.filter((finding) => !current.has(nameOf(finding)));
  return { added, resolved, standing: now.length - added.length };
}

function nameOf({ code, message, target }: Diagnostic): string {
  return `${code}\0${target?.replace(/(?::\d+)+$/, "") ?? ""}\0${message}`;
}
