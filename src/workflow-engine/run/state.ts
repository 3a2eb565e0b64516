import type { Principal } from "../../foundation/principal.ts";
import type { Budget, FailureKind } from "../plan.ts";

/**
 * `running`: something is under way or due by itself. `waiting`: only people, events or times can move it. `paused`:
 * nothing is begun until a person says so. The last four are ends, of which `failed` can be resumed.
 */
export type RunState =
  | "running"
  | "waiting"
  | "paused"
  | "cancelling"
  | "undoing"
  | "succeeded"
  | "failed"
  | "cancelled"
  | "undone";

/**
 * `pending`: was begun and is to be begun again. `queued`: handed to the dispatcher. `running`: its intent is recorded, so
 * after a crash nobody knows how far it came. `retrying`: waits for `dueAt`. `mapping`: its items run. `falling`: its
 * fallback runs. `unknown`: a person has to say what happened. The last four are ends.
 */
export type NodeStatus =
  | "pending"
  | "queued"
  | "running"
  | "retrying"
  | "waiting"
  | "mapping"
  | "falling"
  | "unknown"
  | "done"
  | "skipped"
  | "failed"
  | "cancelled";

/** JSON as it is stored: text, or a handle where it is large (see `values.ts`). */
export type Stored = string;

export interface Failure {
  kind: FailureKind;
  message: string;
  details?: unknown;
}

export interface RunRecord {
  id: string;
  workflow: string;
  /** Hash of the plan that it keeps. */
  hash: string;
  state: RunState;
  /** Why it is in this state, for people; null where the state says all. */
  reason: string | null;
  input: Stored;
  output: Stored | null;
  error: (Failure & { key: string }) | null;
  /** Counts up with each commit: what was read before is still so while it is the same. */
  version: number;
  /** The clone in which it was begun, where several share the store. */
  home: string | null;
  parentRun: string | null;
  parentKey: string | null;
  forkedFrom: string | null;
  forkKey: string | null;
  principal: Principal;
  budget: Budget;
  /** Of the calls whose price is known. */
  usd: number;
  /** Calls whose price is not known. */
  unpriced: number;
  tokensIn: number;
  tokensOut: number;
  /** Milliseconds in which something was under way, up to `activeSince`. */
  activeMs: number;
  activeSince: number | null;
  /** An undo goes back to before the event with this number, with which the node was begun; absent or null: all of it. */
  undoTo?: { key: string; seq: number } | null;
  /** Number of the last event. */
  seq: number;
  idempotencyKey: string | null;
  createdAt: number;
  endedAt: number | null;
}

/** How far a map is. */
export interface MapState {
  total: number;
  concurrency: number;
  onError: "fail" | "continue";
  /** Index of the next item to begin. */
  next: number;
  active: number[];
  failed: number[];
}

export interface NodeRecord {
  key: string;
  type: string;
  status: NodeStatus;
  /**
   * Of `skipped`: `when` or `upstream`. Of `queued`: what it goes on from (`signal`, `timeout`, `gather`). Of `done`:
   * `fallback` or `resolved` where it did not come from the node itself.
   */
  reason: string | null;
  attempt: number;
  /** Attempts that the retry policy has used up. */
  retries: number;
  /** Counts up with each failure and each time a person has it done again; after a crash it is the same. */
  round: number;
  /** How often the process went away in the middle of it, since it was begun or a person had it done again. */
  crashes: number;
  input: Stored | null;
  output: Stored | null;
  error: Failure | null;
  signal: string | null;
  dueAt: number | null;
  shown: Stored | null;
  items: Stored | null;
  map: MapState | null;
  usd: number;
  unpriced: number;
  tokensIn: number;
  tokensOut: number;
  model: string | null;
  /** Tokens and dollars that the attempt under way may use at most; -1 dollars: nobody knows. */
  reservedTokens: number;
  reservedUsd: number;
  queuedAt: number | null;
  startedAt: number | null;
  endedAt: number | null;
  /** Number of the event that ended it: the order for undoing. */
  endedSeq: number | null;
}

export interface SignalRecord {
  name: string;
  data: Stored;
  by: string;
  at: number;
}

/** What `decide` looks at. */
export interface RunView {
  run: RunRecord;
  node(key: string): NodeRecord | undefined;
  nodes(): Iterable<NodeRecord>;
  hasSignal(name: string): boolean;
}

const ENDED: ReadonlySet<RunState> = new Set(["succeeded", "failed", "cancelled", "undone"]);
const FINAL: ReadonlySet<NodeStatus> = new Set(["done", "skipped", "failed", "cancelled"]);

export function isEnded(state: RunState): boolean {
  return ENDED.has(state);
}

export function isFinal(status: NodeStatus): boolean {
  return FINAL.has(status);
}

/** An attempt is, or may be, under way. */
export function isInFlight(status: NodeStatus): boolean {
  return status === "queued" || status === "running";
}

export function newNode(key: string, type: string): NodeRecord {
  return {
    key,
    type,
    status: "pending",
    reason: null,
    attempt: 0,
    retries: 0,
    round: 0,
    crashes: 0,
    input: null,
    output: null,
    error: null,
    signal: null,
    dueAt: null,
    shown: null,
    items: null,
    map: null,
    usd: 0,
    unpriced: 0,
    tokensIn: 0,
    tokensOut: 0,
    model: null,
    reservedTokens: 0,
    reservedUsd: 0,
    queuedAt: null,
    startedAt: null,
    endedAt: null,
    endedSeq: null,
  };
}
