import { SpecloopError } from "../../foundation/errors.ts";
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
  const body = parsed(row.body, `run ${row.id}`) as Omit<RunRecord, keyof RunRow>;
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
  return {
    ...(parsed(row.body, `node ${key} of the run ${row.run_id}`) as NodeRecord),
    key,
    type,
    status,
    signal,
    dueAt,
  };
}

/** Only what was damaged on the disk is no JSON any more. */
function parsed(body: string, what: string): unknown {
  try {
    return JSON.parse(body);
  } catch (cause) {
    throw new SpecloopError("store_corrupt", `The row of the ${what} is damaged.`, {
      target: what,
      cause,
      fix: "Other runs go on; begin this one anew with `specloop run NAME`.",
    });
  }
}
