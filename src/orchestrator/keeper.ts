import type { Git } from "../adapters/git/index.ts";
import type { PlanningRoot, Verdict } from "../adapters/openspec/index.ts";
import type { BaseKeeper } from "./bases/index.ts";
import { compare, compareFindings, shownFindings, track, type Difference, type Remembered } from "./compare.ts";
import type { Diagnostic } from "../foundation/errors.ts";
import { derive } from "./derive.ts";
import type { DocumentReader } from "./document-reader.ts";
import type { ChangeFiles } from "./change-files.ts";
import { headFiles, NO_HEAD, type HeadFiles } from "./git-facts.ts";
import type { Memory } from "./memory.ts";
import { withVerdict } from "./mergeability.ts";
import type { MergeSubject } from "./merge/index.ts";
import { withOutcomes } from "./overlap-outcome.ts";
import { approvedPlans, withProposals, type Proposal, type ProposalReader } from "./proposals.ts";
import { readSnapshot, type Extent } from "./reader.ts";
import type { Snapshot } from "./snapshot.ts";
import type { ChangeState, ChangeView, RootState } from "./state.ts";

export interface KeeperParts {
  git: Git;
  reader: DocumentReader;
  proposals: Pick<ProposalReader, "of">;
  memory: Memory;
  remembered: Map<string, Remembered>;
  approvals: Map<string, Set<string>>;
  bases: BaseKeeper;
  schemaFolders?: () => Promise<string[]>;
  /** Changes that lie elsewhere and may overlap with the ones here. */
  beside?: () => ChangeFiles[];
  /** Which changes matter; all when absent. */
  isWanted?: (files: ChangeFiles) => Promise<boolean>;
}

/** Keeps one planning root: its last snapshot, the state that follows from it, and what is remembered. */
export class RootKeeper {
  readonly root: PlanningRoot;
  readonly #parts: KeeperParts;
  #snapshot: Snapshot | null = null;
  /** The same with the proposals that wait. */
  #whole: Snapshot | null = null;
  #state: RootState;
  /** What was told last of the problems of the root itself. */
  #toldFindings: Diagnostic[] = [];
  #head: HeadFiles = NO_HEAD;
  #proposals: Proposal[] = [];

  constructor(root: PlanningRoot, parts: KeeperParts) {
    this.root = root;
    this.#parts = parts;
    this.#state = { root: root.name, changes: new Map(), archived: [], archivedTasks: new Map(), findings: [] };
  }

  get state(): RootState {
    return this.#state;
  }

  /** What a merge of this change works on; null when it is not under way here. */
  toMerge(id: string): MergeSubject | null {
    const files = this.#whole?.changes.get(id);
    if (!files || !this.#whole) return null;
    return { files, specs: this.#whole.specs, bases: this.#parts.bases, root: this.root.name };
  }

  get remembered(): ReadonlyMap<string, Remembered> {
    return this.#parts.remembered;
  }

  /** HEAD as it was at the last look. */
  get head(): HeadFiles {
    return this.#head;
  }

  /** Reads what moved, derives, and says what happened. `gitMoved`: branches may be other than before. */
  async look(extent: Extent, gitMoved: boolean, branchSwitched: boolean): Promise<Difference[]> {
    const { git, reader, proposals, approvals, schemaFolders } = this.#parts;
    if (gitMoved || this.#snapshot === null) {
      this.#head = await headFiles(git, this.root.path, this.#head);
      this.#proposals = await proposals.of(this.root, mergedInto(this.#head));
    }
    const context = { git, reader, head: this.#head, approvals, ...(schemaFolders && { schemaFolders }) };
    this.#snapshot = await this.#wanted(await readSnapshot(this.root, this.#snapshot, extent, context));
    await this.#noteApprovals();
    const beside = this.#parts.beside?.() ?? [];
    const whole = { ...withProposals(this.#snapshot, this.#proposals), beside };
    this.#whole = whole;
    await this.#parts.bases.follow(whole);
    this.#state = named(derive(whole, this.#parts.bases.known), this.root.name);
    return compare(this.#parts.remembered, this.#state, branchSwitched);
  }

  /** What came and went since the last call of the problems of the root itself; null when nothing did. */
  ownFindings(): Pick<Difference, "added" | "resolved" | "standing"> | null {
    const { findings } = this.#state;
    const difference = compareFindings(this.#toldFindings, findings);
    this.#toldFindings = findings;
    return difference.added.length > 0 || difference.resolved.length > 0 ? difference : null;
  }

  /** Remembers the state as it is now, so that the next look says only what is new. */
  async remember(differences: Difference[]): Promise<void> {
    const { remembered, memory } = this.#parts;
    const rows = new Map<string, Remembered | null>();
    const moved = new Set(differences.map(({ id }) => id));
    const isFirstLook = remembered.size === 0;
    for (const [id, state] of this.#state.changes) {
      const before = remembered.get(id);
      if (before && before.place === state.git && !moved.has(id)) continue;
      const { verdict = null, verdictHash = null } = before ?? {};
      const findings = track(before, state.findings, isFirstLook);
      rows.set(id, { stage: state.stage, place: state.git, findings, verdict, verdictHash });
    }
    for (const { id, to } of differences) {
      const before = remembered.get(id);
      if (this.#state.changes.has(id) || !before) continue;
      rows.set(id, to === null ? null : { ...before, stage: to, findings: [] });
    }
    await this.#store(rows, memory);
  }

  /** Keeps a verdict unless the change is another one by now; says whether it did. */
  async keepVerdict(id: string, hash: string, verdict: Verdict): Promise<boolean> {
    const before = this.#parts.remembered.get(id);
    if (!before || this.#state.changes.get(id)?.verdictHash !== hash) return false;
    await this.#store(new Map([[id, { ...before, verdict, verdictHash: hash }]]), this.#parts.memory);
    return true;
  }

  /** Changes whose verdict was given for something else, by another version, or not at all. */
  withoutVerdict(version: string | null): ChangeState[] {
    return [...this.#state.changes.values()].filter(({ id, verdictHash }) => {
      const before = this.#parts.remembered.get(id);
      const isCurrent = before?.verdict && before.verdictHash === verdictHash;
      return !isCurrent || (version !== null && before.verdict?.version !== version);
    });
  }

  view(state: ChangeState): ChangeView {
    const before = this.#parts.remembered.get(state.id);
    const current = before?.verdict != null && before.verdictHash === state.verdictHash;
    return {
      ...state,
      ...shownFindings(before, state),
      mergeability: withVerdict(state.mergeability, current ? before.verdict : null),
      validity: { verdict: before?.verdict ?? null, current, problem: null },
    };
  }

  /** The same with how each of its overlaps will end, for one change that is looked at. */
  detail(state: ChangeState): ChangeView {
    const view = this.view(state);
    const own = this.#whole?.changes.get(state.id);
    if (!own || !this.#whole || view.mergeability.overlaps.length === 0) return view;
    const overlaps = withOutcomes(own, view.mergeability.overlaps, this.#whole);
    return { ...view, mergeability: { ...view.mergeability, overlaps } };
  }

  /** The changes as they were read. */
  files(): ChangeFiles[] {
    return [...(this.#snapshot?.changes.values() ?? [])];
  }

  file(id: string): ChangeFiles | undefined {
    return this.#snapshot?.changes.get(id);
  }

  /** Forgets everything, because the root is no more: what there was is not here any longer. */
  async forget(): Promise<Difference[]> {
    const { remembered } = this.#parts;
    this.#snapshot = null;
    this.#state = { root: this.root.name, changes: new Map(), archived: [], archivedTasks: new Map(), findings: [] };
    const differences = compare(remembered, this.#state, true);
    await this.#store(new Map([...remembered.keys()].map((id) => [id, null])), this.#parts.memory);
    return differences;
  }

  async #wanted(snapshot: Snapshot): Promise<Snapshot> {
    const { isWanted } = this.#parts;
    if (!isWanted) return snapshot;
    const changes = new Map(snapshot.changes);
    for (const [id, files] of snapshot.changes) if (!(await isWanted(files))) changes.delete(id);
    return { ...snapshot, changes };
  }

  async #store(rows: Map<string, Remembered | null>, memory: Memory): Promise<void> {
    if (rows.size === 0) return;
    for (const [id, row] of rows) {
      if (row === null) this.#parts.remembered.delete(id);
      else this.#parts.remembered.set(id, row);
    }
    await memory.remember(this.root.name, rows);
  }

  /** A proposal that a person merged stays approved when its branch is deleted. */
  async #noteApprovals(): Promise<void> {
    const { approvals, memory } = this.#parts;
    for (const approval of approvedPlans(this.#proposals)) {
      const known = approvals.get(approval.change) ?? new Set<string>();
      if (known.has(approval.planHash)) continue;
      approvals.set(approval.change, known.add(approval.planHash));
      await memory.approve(this.root.name, approval);
    }
  }
}

/** Where a merged proposal would be. To look at one, on its own branch or on a detached HEAD, approves nothing. */
function mergedInto({ commit, branch }: HeadFiles): string | null {
  return branch === null || branch.startsWith("specloop/") ? null : commit;
}

/** The state of a root under the name that it has among all roots. */
function named(state: RootState, root: string): RootState {
  if (state.root === root) return state;
  return { ...state, root, changes: new Map([...state.changes].map(([id, change]) => [id, { ...change, root }])) };
}
