import type { Verdict } from "../adapters/openspec/index.ts";
import type { Diagnostic } from "../foundation/errors.ts";
import { archiveNameOf } from "./proposals.ts";
import type { ChangeState, ChangeView, Place, RootState, Stage, TrackedFinding } from "./state.ts";

/** What is remembered of a change between two looks, also over a restart. */
export interface Remembered {
  stage: Stage;
  place: Place;
  /** Those of the last state, and those that it resolved. */
  findings: TrackedFinding[];
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
      ...compareFindings(known(before?.findings), findings),
    });
  }
  for (const [id, before] of last) {
    if (now.changes.has(id)) continue;
    const to = fateOf(id, before, now, branchSwitched);
    differences.push({ id, from: before.stage, to, ...compareFindings(known(before.findings), []) });
  }
  return differences.filter(({ from, to, added, resolved }) => from !== to || added.length > 0 || resolved.length > 0);
}

function fateOf(id: string, before: Remembered, now: RootState, branchSwitched: boolean): Stage | null {
  if (archiveNameOf(id, now.archived) !== null) return "archived";
  if (before.stage === "abandoned") return "abandoned";
  return branchSwitched && before.place !== "branch" ? null : "abandoned";
}

/**
 * The findings of a change beside those that are remembered: `new` and `resolved` tell of the last state in which any came
 * or went, until the next such one. On the very first look at a root everything stands. Pure.
 */
export function track(before: Remembered | undefined, now: Diagnostic[], isFirstLook: boolean): TrackedFinding[] {
  if (!before) return now.map((finding) => ({ ...finding, status: isFirstLook ? "standing" : "new" }));
  const last = new Map(present(before.findings).map((finding) => [nameOf(finding), finding.status]));
  const { added, resolved } = compareFindings(known(before.findings), now);
  if (added.length === 0 && resolved.length === 0) {
    const gone = before.findings.filter(({ status }) => status === "resolved");
    return [...now.map((finding) => ({ ...finding, status: last.get(nameOf(finding)) ?? "new" })), ...gone];
  }
  const names = new Set(added.map(nameOf));
  return [
    ...now.map((finding): TrackedFinding => ({ ...finding, status: names.has(nameOf(finding)) ? "new" : "standing" })),
    ...resolved.map((finding): TrackedFinding => ({ ...finding, status: "resolved" })),
  ];
}

/** The same apart, for those who look at a change. One that is over has no last state: its findings stand. Pure. */
export function shownFindings(
  before: Remembered | undefined,
  { stage, findings }: Pick<ChangeState, "stage" | "findings">,
): Pick<ChangeView, "findings" | "resolved"> {
  const isOver = stage === "archived" || stage === "abandoned";
  const all = isOver ? track(undefined, findings, true) : track(before, findings, false);
  const gone = all.filter(({ status }) => status === "resolved");
  return { findings: present(all), resolved: gone.map(plain) };
}

function present(findings: TrackedFinding[]): TrackedFinding[] {
  return findings.filter(({ status }) => status !== "resolved");
}

/** Findings of the last state as they were told. */
function known(findings: TrackedFinding[] = []): Diagnostic[] {
  return present(findings).map(plain);
}

/** Without how it stood: what is told of a finding is the finding. */
function plain({ status: _status, ...finding }: TrackedFinding): Diagnostic {
  return finding;
}

/** What came and went between two lots of findings; a line that moved makes none another. Pure. */
export function compareFindings(
  before: Diagnostic[],
  now: Diagnostic[],
): Pick<Difference, "added" | "resolved" | "standing"> {
  const [old, current] = [new Set(before.map(nameOf)), new Set(now.map(nameOf))];
  const added = now.filter((finding) => !old.has(nameOf(finding)));
  const resolved = before.filter((finding) => !current.has(nameOf(finding)));
  return { added, resolved, standing: now.length - added.length };
}

/** Findings are the same when they say the same about the same file: lines move with every edit. */
function nameOf({ code, message, target }: Diagnostic): string {
  return `${code}\0${target?.replace(/(?::\d+)+$/, "") ?? ""}\0${message}`;
}
