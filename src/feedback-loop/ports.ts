import type { ApprovalService } from "../access/approvals/index.ts";
import type { Arrival, Git } from "../adapters/git/index.ts";
import type { DocumentEdit } from "../adapters/markdown/index.ts";
import type { TunableRange } from "../foundation/options.ts";
import type { Principal } from "../foundation/principal.ts";

/** What the loop asks of the room that knows changes. */
export interface Proposals {
  /** Commits the change on `refs/heads/specloop/<id>`; `change_exists`, `invalid_change` when it cannot be. */
  propose(
    draft: ChangeDraft,
    context: { principal: Principal; trailers: Record<string, string> },
  ): Promise<{ changeId: string; branch: string; commit: string }>;
}

export interface ChangeDraft {
  id: string;
  title: string;
  why: string;
  whatChanges: string[];
  impact: string[];
  design?: string;
  tasks: { group: string; items: string[] }[];
  deltas: {
    capability: string;
    operation: "ADDED" | "MODIFIED" | "REMOVED";
    requirement: string;
    text: string;
    scenarios: { name: string; steps: string[] }[];
  }[];
  skipSpecs: boolean;
  /** Name inside the change folder -> content. */
  extraFiles: Record<string, string>;
  goal?: string;
}

/** What the loop asks of the room that writes documents. */
export interface Documents {
  /** `unknown_document` when there is none. */
  read(path: string): Promise<{ revision: string; content: string }>;
  update(request: UpdateRequest): Promise<UpdateResult>;
  /** A new commit that undoes one of ours; `stale_revision` (or another refusal) when the files changed since. */
  revert(request: { commit: string; reason: string; principal: Principal; origin?: Origin }): Promise<UpdateResult>;
}

export interface Origin {
  change?: string;
  question?: string;
  cycle?: string;
  proposal?: string;
}

interface UpdateRequest {
  files: { path: string; edits: DocumentEdit[]; baseRevision?: string }[];
  reason: string;
  principal: Principal;
  origin?: Origin;
  idempotencyKey?: string;
  /** Set for what a person approved by merge: skips the detour for sensitive paths. */
  approved?: boolean;
}

interface UpdateResult {
  status: "committed" | "commit_pending" | "proposed" | "written" | "unchanged";
  commit: string | null;
  branch: string | null;
  files: { path: string; revision: string; diff: string }[];
  message: string;
}

/** What the loop asks of the room that answers questions: recorded questions, and how they would be answered. */
export interface Replay {
  recorded(filter: { limit: number; split?: "train" | "validation" }): Promise<RecordedQuestion[]>;
  /** No side effects, no cache, no rows. Option keys are those of the `questions` section (`documents.minScore`). */
  replay(questions: RecordedQuestion[], environment: ReplayEnvironment, signal: AbortSignal): Promise<ReplayOutcome[]>;
}

export interface ReplayEnvironment {
  options: Record<string, unknown>;
  /** Path -> content instead of what is there, null for "not there". */
  documents?: Record<string, string | null>;
}

export interface RecordedQuestion {
  questionId: string;
  text: string;
  kind: string;
  accepted: { text: string; citations: { path: string; heading: string }[] } | null;
  /** Nothing is accepted, and its answer was judged wrong or it expired: what documents answer to it counts as wrong. */
  shouldDecline: boolean;
  judged: "useful" | "wrong" | "outdated" | null;
  split: "train" | "validation";
  askedAt: number;
}

export interface ReplayOutcome {
  questionId: string;
  status: "answered" | "declined";
  route: string | null;
  text: string;
  citations: { path: string; heading: string }[];
  /** Whether answering, or declining where that was the right thing, was right. Null: nothing to compare with. */
  right: boolean | null;
  ms: number;
}

/** A setting that experiments may change: `section.key` -> its bounds and the value in force. */
export type Tunables = Record<string, { range: TunableRange; current: () => number }>;

/** How a file came to HEAD: filled by the git adapter's `Arrivals`. */
export interface ArrivalSource {
  of(path: string): Promise<Arrival | null>;
}

/** What the loop asks of approvals; absent where a merge is all that is wanted. */
export type LoopApprovals = Pick<ApprovalService, "about" | "request" | "redeem" | "unfinished" | "carriedOut">;

/** What the loop asks of git itself. It never writes through it. */
export type LoopGit = Pick<Git, "head" | "list" | "read" | "history" | "pathState" | "branches" | "isAncestor">;
