import type { Alert } from "../cost/alerts.ts";
import type { Standing } from "../cost/period-budgets.ts";
import type { Spending } from "../node-type.ts";
import type { Attempted, RunEvent } from "./messages.ts";
import {
  isFinal,
  newNode,
  type NodeRecord,
  type NodeStatus,
  type RunRecord,
  type RunView,
  type SignalRecord,
} from "./state.ts";

/** A run as it is in the store. Never changed: a `Draft` holds what is to be written. */
export interface RunSnapshot {
  run: RunRecord;
  nodes: ReadonlyMap<string, NodeRecord>;
  signals: ReadonlyMap<string, SignalRecord>;
}

/** Work for the dispatcher. */
export interface Job {
  runId: string;
  key: string;
  type: string;
  attempt: number;
  /** The clone in which it has to be done; null: anywhere. */
  home: string | null;
}

/** The changes of one transaction over a run; nothing of it is true before the commit. */
export class Draft implements RunView {
  readonly run: RunRecord;
  readonly changed = new Map<string, NodeRecord>();
  readonly signals = new Map<string, SignalRecord>();
  /** Names of signals that are forgotten, because what they answered begins anew. */
  readonly dropped = new Set<string>();
  readonly events: RunEvent[] = [];
  readonly attempts: Attempted[] = [];
  readonly jobs: Job[] = [];
  /** Keys of attempts that are to stop. */
  readonly aborts: string[] = [];
  /** Calls that ended, for the ledger; those of runs below it are in theirs. */
  readonly spendings: Spending[] = [];
  /** Budgets of periods as they stood, where something is about to be spent. */
  standings: readonly Standing[] = [];
  /** Marks of budgets that were passed. */
  readonly alerts: Alert[] = [];
  readonly now: number;
  readonly #base: RunSnapshot;

  constructor(base: RunSnapshot, now: number) {
    this.#base = base;
    this.run = { ...base.run, version: base.run.version + 1 };
    this.now = now;
  }

  node(key: string): NodeRecord | undefined {
    return this.changed.get(key) ?? this.#base.nodes.get(key);
  }

  *nodes(): Iterable<NodeRecord> {
    for (const row of this.#base.nodes.values()) yield this.changed.get(row.key) ?? row;
    for (const row of this.changed.values()) if (!this.#base.nodes.has(row.key)) yield row;
  }

  hasSignal(name: string): boolean {
    return this.signals.has(name) || (this.#base.signals.has(name) && !this.dropped.has(name));
  }

  /** Changes some columns of a node; the row is made where there is none. */
  put(key: string, type: string, changes: Partial<NodeRecord>): NodeRecord {
    const row = { ...(this.node(key) ?? newNode(key, type)), ...changes };
    this.changed.set(key, row);
    return row;
  }

  /** Moves a node to another state, with its event; an end gets its time and its place in the order. */
  move(row: NodeRecord, status: NodeStatus, changes: Partial<NodeRecord> = {}): NodeRecord {
    const seq = this.event(row.key, `node.${status}`, eventData(row, status, changes));
    const ended = isFinal(status)
      ? { endedAt: this.now, endedSeq: seq, dueAt: null, signal: null, reservedTokens: 0, reservedUsd: 0 }
      : {};
    return this.put(row.key, row.type, { ...ended, ...changes, status });
  }

  /** Appends to the run's history and returns its number. */
  event(key: string | null, type: string, data: Record<string, unknown> = {}): number {
    this.run.seq += 1;
    this.events.push({ seq: this.run.seq, key, type, data, at: this.now });
    return this.run.seq;
  }

  setState(state: RunRecord["state"], reason: string | null): void {
    if (this.run.state === state && this.run.reason === reason) return;
    this.event(null, `run.${state}`, reason === null ? {} : { reason });
    this.run.state = state;
    this.run.reason = reason;
  }

  /** What the run is after the commit. */
  committed(): RunSnapshot {
    const nodes = this.#base.nodes as Map<string, NodeRecord>;
    for (const [key, row] of this.changed) nodes.set(key, row);
    const signals = this.#base.signals as Map<string, SignalRecord>;
    for (const name of this.dropped) signals.delete(name);
    for (const [name, signal] of this.signals) signals.set(name, signal);
    return { run: this.run, nodes, signals };
  }
}

function eventData(row: NodeRecord, status: NodeStatus, changes: Partial<NodeRecord>): Record<string, unknown> {
  const { reason, error, dueAt, signal, attempt } = { ...row, ...changes };
  return {
    attempt,
    ...(changes.reason === undefined || reason === null ? {} : { reason }),
    ...(changes.error === undefined || error === null ? {} : { kind: error.kind, message: error.message }),
    ...(status === "retrying" || status === "waiting" ? { until: dueAt } : {}),
    ...(status === "waiting" ? { signal } : {}),
  };
}
