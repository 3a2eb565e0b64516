import { type Kysely, sql } from "kysely";
import type { RoomMigrations } from "../adapters/store/index.ts";
import { spendingMigration, type SpendingTables } from "./cost/tables.ts";
import { valuesMigration, type ValueTables } from "./run/store-values.ts";
import { statisticsMigration, type StatisticsTables } from "./statistics/tables.ts";

/** Rows of workflows in the core store. Times are epoch milliseconds; `Stored` is JSON or a handle of a large value. */
export interface WorkflowTables extends SpendingTables, StatisticsTables, ValueTables {
  workflow_definitions: DefinitionRow;
  workflow_runs: RunRow;
  workflow_nodes: NodeRow;
  workflow_signals: SignalRow;
  workflow_attempts: AttemptRow;
  workflow_events: EventRow;
}

/** A plan under its hash; never changed, because runs keep it. */
export interface DefinitionRow {
  hash: string;
  name: string;
  /** JSON `Plan`. */
  plan: string;
  created_at: number;
}

export interface RunRow {
  id: string;
  workflow: string;
  hash: string;
  state: string;
  /** `principalLabel` of who started it. */
  started_by: string;
  parent_run: string | null;
  idempotency_key: string | null;
  created_at: number;
  ended_at: number | null;
  /** Stored. */
  input: string;
  /** JSON of every other field of `RunRecord`: what changes with each step. */
  body: string;
}

/** `body` is JSON of every field of `NodeRecord` that is not a column: nothing is looked for in them. */
export interface NodeRow {
  run_id: string;
  key: string;
  type: string;
  status: string;
  due_at: number | null;
  signal: string | null;
  body: string;
}

export interface SignalRow {
  run_id: string;
  name: string;
  data: string;
  by: string;
  at: number;
}

export interface AttemptRow {
  run_id: string;
  key: string;
  attempt: number;
  outcome: string;
  input: string | null;
  output: string | null;
  error: string | null;
  log: string;
  usd: number | null;
  tokens_in: number;
  tokens_out: number;
  model: string | null;
  started_at: number;
  ended_at: number;
}

export interface EventRow {
  run_id: string;
  seq: number;
  key: string | null;
  type: string;
  data: string;
  at: number;
}

export const migrations: RoomMigrations = {
  room: "workflow-engine",
  migrations: [
    {
      name: "0001-runs",
      up: async (db) => {
        await runs(db);
        await nodes(db);
        await history(db);
      },
    },
    { name: "0002-awaited-signals", up: awaitedSignals },
    spendingMigration,
    statisticsMigration,
    valuesMigration,
  ],
};

async function runs(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("workflow_definitions")
    .addColumn("hash", "text", (column) => column.primaryKey())
    .addColumn("name", "text", (column) => column.notNull())
    .addColumn("plan", "text", (column) => column.notNull())
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .execute();
  await db.schema
    .createTable("workflow_runs")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("workflow", "text", (column) => column.notNull())
    .addColumn("hash", "text", (column) => column.notNull())
    .addColumn("state", "text", (column) => column.notNull())
    .addColumn("started_by", "text", (column) => column.notNull())
    .addColumn("parent_run", "text")
    .addColumn("idempotency_key", "text")
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .addColumn("ended_at", "bigint")
    .addColumn("input", "text", (column) => column.notNull())
    .addColumn("body", "text", (column) => column.notNull())
    .execute();
  await db.schema
    .createIndex("workflow_runs_state")
    .on("workflow_runs")
    .columns(["state", "created_at", "id"])
    .execute();
  await db.schema.createIndex("workflow_runs_created").on("workflow_runs").columns(["created_at", "id"]).execute();
  await db.schema
    .createIndex("workflow_runs_parent")
    .on("workflow_runs")
    .column("parent_run")
    .where(sql.ref("parent_run"), "is not", null)
    .execute();
  await db.schema
    .createIndex("workflow_runs_once")
    .unique()
    .on("workflow_runs")
    .columns(["started_by", "idempotency_key"])
    .where(sql.ref("idempotency_key"), "is not", null)
    .execute();
}

async function nodes(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("workflow_nodes")
    .addColumn("run_id", "text", (column) => column.notNull())
    .addColumn("key", "text", (column) => column.notNull())
    .addColumn("type", "text", (column) => column.notNull())
    .addColumn("status", "text", (column) => column.notNull())
    .addColumn("due_at", "bigint")
    .addColumn("signal", "text")
    .addColumn("body", "text", (column) => column.notNull())
    .addPrimaryKeyConstraint("workflow_nodes_key", ["run_id", "key"])
    .execute();
  // Small ones: of what is under way, and of what is due; at the start and for the alarm.
  await db.schema
    .createIndex("workflow_nodes_live")
    .on("workflow_nodes")
    .columns(["status", "run_id"])
    .where(sql.ref("status"), "in", ["queued", "running"])
    .execute();
  await db.schema
    .createIndex("workflow_nodes_due")
    .on("workflow_nodes")
    .column("due_at")
    .where(sql.ref("due_at"), "is not", null)
    .execute();
  await db.schema
    .createTable("workflow_signals")
    .addColumn("run_id", "text", (column) => column.notNull())
    .addColumn("name", "text", (column) => column.notNull())
    .addColumn("data", "text", (column) => column.notNull())
    .addColumn("by", "text", (column) => column.notNull())
    .addColumn("at", "bigint", (column) => column.notNull())
    .addPrimaryKeyConstraint("workflow_signals_key", ["run_id", "name"])
    .execute();
}

/** Who waits for a signal that comes from elsewhere, such as a question's answer. */
async function awaitedSignals(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createIndex("workflow_nodes_signal")
    .on("workflow_nodes")
    .column("signal")
    .where(sql.ref("signal"), "is not", null)
    .execute();
}

async function history(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("workflow_attempts")
    .addColumn("run_id", "text", (column) => column.notNull())
    .addColumn("key", "text", (column) => column.notNull())
    .addColumn("attempt", "integer", (column) => column.notNull())
    .addColumn("outcome", "text", (column) => column.notNull())
    .addColumn("input", "text")
    .addColumn("output", "text")
    .addColumn("error", "text")
    .addColumn("log", "text", (column) => column.notNull())
    .addColumn("usd", "double precision")
    .addColumn("tokens_in", "bigint", (column) => column.notNull())
    .addColumn("tokens_out", "bigint", (column) => column.notNull())
    .addColumn("model", "text")
    .addColumn("started_at", "bigint", (column) => column.notNull())
    .addColumn("ended_at", "bigint", (column) => column.notNull())
    .addPrimaryKeyConstraint("workflow_attempts_key", ["run_id", "key", "attempt"])
    .execute();
  await db.schema
    .createTable("workflow_events")
    .addColumn("run_id", "text", (column) => column.notNull())
    .addColumn("seq", "bigint", (column) => column.notNull())
    .addColumn("key", "text")
    .addColumn("type", "text", (column) => column.notNull())
    .addColumn("data", "text", (column) => column.notNull())
    .addColumn("at", "bigint", (column) => column.notNull())
    .addPrimaryKeyConstraint("workflow_events_key", ["run_id", "seq"])
    .execute();
}
