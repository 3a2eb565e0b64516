import { principalLabel } from "../../foundation/principal.ts";
import type { NodeRow, RunRow } from "../tables.ts";
import type { NodeRecord, NodeStatus, RunRecord, RunState } from "./state.ts";

/** What is searched for stands in columns, what is only read with the run in `body`. */
export function runRow(run: RunRecord): RunRow {
  const { id, workflow, hash, state, parentRun, idempotencyKey, createdAt, endedAt, input, ...body } = run;
  return {
    id,
    workflow,
    hash,
    state,
    input,
    started_by: principalLabel(run.principal),
    parent_run: parentRun,
    idempotency_key: idempotencyKey,
    created_at: createdAt,
    ended_at: endedAt,
    body: JSON.stringify(body),
  };
}

export function readRun(row: RunRow): RunRecord {
  const body = JSON.parse(row.body) as Omit<RunRecord, keyof RunRow>;
  return {
    ...(body as RunRecord),
    id: row.id,
    workflow: row.workflow,
    hash: row.hash,
    state: row.state as RunState,
    input: row.input,
    parentRun: row.parent_run,
    idempotencyKey: row.idempotency_key,
    createdAt: row.created_at,
    endedAt: row.ended_at === null ? null : row.ended_at,
  };
}

export function nodeRow(runId: string, node: NodeRecord): NodeRow {
  const { key, type, status, dueAt, signal, ...body } = node;
  return { run_id: runId, key, type, status, due_at: dueAt, signal, body: JSON.stringify(body) };
}

export function readNode(row: NodeRow): NodeRecord {
  const { key, type, signal } = row;
  const status = row.status as NodeStatus;
  const dueAt = row.due_at === null ? null : row.due_at;
  return { ...(JSON.parse(row.body) as NodeRecord), key, type, status, signal, dueAt };
}
