import type { Git } from "../adapters/git/port.ts";
import type { PlanningRoot, Verdict } from "../adapters/openspec/index.ts";
import { compare, shownFindings, track, type Difference, type Remembered } from "./compare.ts";
import { derive } from "./derive.ts";
import type { DocumentReader } from "./document-reader.ts";
import { headFiles, NO_HEAD, type HeadFiles } from "./git-facts.ts";
import type { Memory } from "./memory.ts";
import { approvedPlans, withProposals, type Proposal, type ProposalReader } from "./proposals.ts";
import { readSnapshot, type Extent } from "./reader.ts";
import type { Snapshot } from "./snapshot.ts";
import type { ChangeState, ChangeView, RootState } from "./state.ts";

export interface KeeperParts {
  git: Git;
  reader: DocumentReader;
  proposals: ProposalReader;
  memory: Memory;
  remembered: Map<string, Remembered>;
  approvals: Map<string, Set<string>>;
}

/** Keeps one planning root: its last snapshot, the state that follows from it, and what is remembered. */
export class RootKeeper {
  readonly root: PlanningRoot;
  readonly #parts: KeeperParts;
  #snapshot: Snapshot | null = null;
  #state: RootState;
  #head: HeadFiles = NO_HEAD;
  #proposals: Proposal[] = [];

  constructor(root: PlanningRoot, parts: KeeperParts) {
    this.root = root;
    this.#parts = parts;
    this.#state = { root: root.path, changes: new Map(), archived: [], archivedTasks: new Map(), findings: [] };
  }

  get state(): RootState {
    return this.#state;
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
    const { git, reader, proposals, approvals } = this.#parts;
    if (gitMoved || this.#snapshot === null) {
      this.#head = await headFiles(git, this.root.path, this.#head);
      this.#proposals = await proposals.of(this.root, mergedInto(this.#head));
    }
    const context = { git, reader, head: this.#head, approvals };
    this.#snapshot = await readSnapshot(this.root, this.#snapshot, extent, context);
    await this.#noteApprovals();
    this.#state = derive(withProposals(this.#snapshot, this.#proposals));
    return compare(this.#parts.remembered, this.#state, branchSwitched);
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
    return { ...state, ...shownFindings(before, state), validity: { verdict: before?.verdict ?? null, current } };
  }

  async #store(rows: Map<string, Remembered | null>, memory: Memory): Promise<void> {
    if (rows.size === 0) return;
    for (const [id, row] of rows) {
      if (row === null) this.#parts.remembered.delete(id);
      else this.#parts.remembered.set(id, row);
    }
    await memory.remember(this.root.path, rows);
  }

  /** A proposal that a person merged stays approved when its branch is deleted. */
  async #noteApprovals(): Promise<void> {
    const { approvals, memory } = this.#parts;
    for (const approval of approvedPlans(this.#proposals)) {
      const known = approvals.get(approval.change) ?? new Set<string>();
      if (known.has(approval.planHash)) continue;
      approvals.set(approval.change, known.add(approval.planHash));
      await memory.approve(this.root.path, approval);
    }
  }
}

/** Where a merged proposal would be. To look at one, on its own branch or on a detached HEAD, approves nothing. */
function mergedInto({ commit, branch }: HeadFiles): string | null {
  return branch === null || branch.startsWith("specloop/") ? null : commit;
}
