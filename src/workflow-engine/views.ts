import type { Budget, Plan } from "./plan.ts";
import type { UndoReport } from "./rollback/shapes.ts";
import { RESTORE } from "./rollback/restore-node.ts";
import type { RunSnapshot } from "./run/draft.ts";
import { type Failure, newNode, type NodeRecord, type NodeStatus, type RunRecord, type RunState } from "./run/state.ts";
import { isHandle, sizeOf, type Values } from "./run/values.ts";
import type { AttemptRow } from "./tables.ts";

/** Outputs up to this many bytes are shown with a run; larger ones are asked for by node. */
const SHOWN_BYTES = 4096;

/** Nodes inside maps are shown with the run when they wait, failed or are unknown; so many at most. */
const NEEDING = new Set<NodeStatus>(["waiting", "unknown", "failed"]);
const MAX_INSIDE = 50;

export interface Cost {
  /** Null: a call was made whose price nobody knows. */
  usd: number | null;
  tokensIn: number;
  tokensOut: number;
}

export interface RunSummary {
  id: string;
  workflow: string;
  hash: string;
  state: RunState;
  reason: string | null;
  startedBy: string;
  createdAt: number;
  endedAt: number | null;
  /** Milliseconds in which something was under way. */
  activeMs: number;
  cost: Cost;
  budget: Budget;
  error: (Failure & { key: string }) | null;
  parent: string | null;
  forkedFrom: string | null;
}

export interface NodeSummary {
  key: string;
  type: string;
  status: NodeStatus;
  reason: string | null;
  attempt: number;
  startedAt: number | null;
  endedAt: number | null;
  /** When it goes on by itself. */
  dueAt: number | null;
  /** The signal that it waits for. */
  signal: string | null;
  /** What is shown while it waits. */
  shown: unknown;
  error: Failure | null;
  cost: Cost;
  /** Of a map. */
  items: { total: number; done: number; failed: number; active: number } | null;
}

export interface RunDetails extends RunSummary {
  input: Shown;
  output: Shown;
  /** What became of each thing that it did; null while nobody asked for an undo. */
  undone: UndoReport | null;
  /** Those of the definition itself, and of the items of maps those that wait, failed or are unknown. */
  nodes: NodeSummary[];
}

/** A value, or how large it is where it is too large to show. */
export type Shown = { value: unknown } | { bytes: number } | null;

export interface NodeDetails extends NodeSummary {
  output: unknown;
  attempts: {
    attempt: number;
    outcome: string;
    input: unknown;
    error: Failure | null;
    log: string;
    cost: Cost;
    startedAt: number;
    endedAt: number;
  }[];
}

export function summaryOf(run: RunRecord, now: number): RunSummary {
  const { id, workflow, hash, state, reason, createdAt, endedAt, budget, error, principal } = run;
  return {
    id,
    workflow,
    hash,
    state,
    reason,
    createdAt,
    endedAt,
    budget,
    error,
    startedBy: principal.name,
    activeMs: run.activeMs + (run.activeSince === null ? 0 : Math.max(0, now - run.activeSince)),
    cost: costOf(run),
    parent: run.parentRun,
    forkedFrom: run.forkedFrom,
  };
}

/**
 * The nodes stand in the plan's order, those that have not begun among them, stand-ins after theirs; of items of maps
 * those that somebody has to look at.
 */
export async function detailsOf(
  { run, nodes }: RunSnapshot,
  plan: Plan,
  values: Values,
  now: number,
): Promise<Omit<RunDetails, "undone">> {
  const rows = plan.nodes.flatMap(({ key, type }) => [
    nodes.get(key) ?? newNode(key, type),
    ...["fallback", "undo", RESTORE].flatMap((role) => nodes.get(`${key}/${role}`) ?? []),
  ]);
  const inside = [...nodes.values()].filter(({ key, status }) => key.includes("[") && NEEDING.has(status));
  rows.push(...inside.slice(0, MAX_INSIDE));
  return {
    ...summaryOf(run, now),
    input: await shown(run.input, values),
    output: await shown(run.output, values),
    nodes: await Promise.all(rows.map((row) => nodeSummary(row, values))),
  };
}

export async function nodeDetails(row: NodeRecord, attempts: AttemptRow[], values: Values): Promise<NodeDetails> {
  const load = (stored: string | null) => (stored === null ? null : values.load(stored));
  return {
    ...(await nodeSummary(row, values)),
    output: await load(row.output),
    attempts: await Promise.all(
      attempts.map(async (attempt) => ({
        attempt: attempt.attempt,
        outcome: attempt.outcome,
        log: attempt.log,
        startedAt: attempt.started_at,
        endedAt: attempt.ended_at,
        input: await load(attempt.input),
        error: attempt.error === null ? null : (JSON.parse(attempt.error) as Failure),
        cost: {
          usd: attempt.usd,
          tokensIn: attempt.tokens_in,
          tokensOut: attempt.tokens_out,
        },
      })),
    ),
  };
}

async function nodeSummary(row: NodeRecord, values: Values): Promise<NodeSummary> {
  const { key, type, status, reason, attempt, startedAt, endedAt, dueAt, signal, error, map } = row;
  const ended = map ? map.next - map.active.length : 0;
  return {
    key,
    type,
    status,
    reason,
    attempt,
    startedAt: startedAt ?? row.queuedAt,
    endedAt,
    dueAt,
    signal,
    error,
    shown: row.shown === null || isHandle(row.shown) ? null : await values.load(row.shown),
    cost: costOf(row),
    items: map && {
      total: map.total,
      done: ended - map.failed.length,
      failed: map.failed.length,
      active: map.active.length,
    },
  };
}

function costOf({ usd, unpriced, tokensIn, tokensOut }: Omit<Cost, "usd"> & { usd: number; unpriced: number }): Cost {
  return { usd: unpriced > 0 ? null : usd, tokensIn, tokensOut };
}

async function shown(stored: string | null, values: Values): Promise<Shown> {
  if (stored === null) return null;
  const bytes = sizeOf(stored);
  return bytes > SHOWN_BYTES ? { bytes } : { value: await values.load(stored) };
}
