import type { Kysely } from "kysely";
import type { Migration } from "../../adapters/store/index.ts";

export interface StatisticsTables {
  workflow_stats: StatRow;
  workflow_histograms: HistogramRow;
  workflow_folds: FoldRow;
}

/** What was counted, by what. All of it only grows, so that a run adds to a few rows, however many there were before. */
export interface StatKey {
  workflow: string;
  /** The definition. */
  hash: string;
  /** `review`, of items `files[]/fix`; empty: the run itself. */
  node: string;
  /** Of the end of the run, in the zone of `workflows.budgets.timeZone`. */
  day: string;
  /** Empty where none was called. */
  model: string;
}

export interface StatRow extends StatKey {
  /** The node's; empty: a run. */
  type: string;
  /** `ok`, `failed`, `cancelled`, `skipped`; `retried`: an attempt that failed and was made again. */
  outcome: string;
  /** Of a failure; empty otherwise. */
  kind: string;
  count: number;
  /** Milliseconds of work, without waits. */
  ms_sum: number;
  ms_min: number;
  usd: number;
  unpriced: number;
  tokens_in: number;
  tokens_out: number;
}

/** How the amounts of what ended well are spread: numbers by bucket (see `histogram.ts`). */
export interface HistogramRow extends StatKey {
  /** `ms`, `tokens`, `usd`. */
  measure: string;
  bucket: number;
  count: number;
}

/** Which end of a run is counted, and how much of what it counts itself: a run that is resumed ends again. */
export interface FoldRow {
  run_id: string;
  ended_at: number;
  active_ms: number;
  usd: number;
  unpriced: number;
  tokens_in: number;
  tokens_out: number;
}

export const statisticsMigration: Migration = {
  name: "0004-statistics",
  up: async (db) => {
    await stats(db);
    await histograms(db);
    await folds(db);
  },
};

const KEY = ["workflow", "hash", "node", "day", "model"] as const;

async function stats(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("workflow_stats")
    .addColumn("workflow", "text", (column) => column.notNull())
    .addColumn("hash", "text", (column) => column.notNull())
    .addColumn("node", "text", (column) => column.notNull())
    .addColumn("day", "text", (column) => column.notNull())
    .addColumn("model", "text", (column) => column.notNull())
    .addColumn("type", "text", (column) => column.notNull())
    .addColumn("outcome", "text", (column) => column.notNull())
    .addColumn("kind", "text", (column) => column.notNull())
    .addColumn("count", "bigint", (column) => column.notNull())
    .addColumn("ms_sum", "bigint", (column) => column.notNull())
    .addColumn("ms_min", "bigint", (column) => column.notNull())
    .addColumn("usd", "double precision", (column) => column.notNull())
    .addColumn("unpriced", "bigint", (column) => column.notNull())
    .addColumn("tokens_in", "bigint", (column) => column.notNull())
    .addColumn("tokens_out", "bigint", (column) => column.notNull())
    .addPrimaryKeyConstraint("workflow_stats_key", [...KEY, "outcome", "kind"])
    .execute();
  await db.schema.createIndex("workflow_stats_runs").on("workflow_stats").columns(["node", "day"]).execute();
}

async function histograms(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("workflow_histograms")
    .addColumn("workflow", "text", (column) => column.notNull())
    .addColumn("hash", "text", (column) => column.notNull())
    .addColumn("node", "text", (column) => column.notNull())
    .addColumn("day", "text", (column) => column.notNull())
    .addColumn("model", "text", (column) => column.notNull())
    .addColumn("measure", "text", (column) => column.notNull())
    .addColumn("bucket", "integer", (column) => column.notNull())
    .addColumn("count", "bigint", (column) => column.notNull())
    .addPrimaryKeyConstraint("workflow_histograms_key", [...KEY, "measure", "bucket"])
    .execute();
  await db.schema
    .createIndex("workflow_histograms_runs")
    .on("workflow_histograms")
    .columns(["node", "measure", "day"])
    .execute();
}

async function folds(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("workflow_folds")
    .addColumn("run_id", "text", (column) => column.primaryKey())
    .addColumn("ended_at", "bigint", (column) => column.notNull())
    .addColumn("active_ms", "bigint", (column) => column.notNull())
    .addColumn("usd", "double precision", (column) => column.notNull())
    .addColumn("unpriced", "bigint", (column) => column.notNull())
    .addColumn("tokens_in", "bigint", (column) => column.notNull())
    .addColumn("tokens_out", "bigint", (column) => column.notNull())
    .execute();
}
