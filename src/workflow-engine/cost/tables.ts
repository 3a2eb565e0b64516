import type { Kysely } from "kysely";
import type { Migration } from "../../adapters/store/index.ts";

export interface SpendingTables {
  workflow_spending: SpendingRow;
  workflow_alerts: AlertRow;
}

/** What calls used on a day, counted when they end, whatever becomes of their run. A child run counts as its own. */
export interface SpendingRow {
  /** `2026-11-21` in the zone of `workflows.budgets.timeZone`. */
  day: string;
  workflow: string;
  /** `principalLabel` of who started the run. */
  principal: string;
  /** Empty where the call did not say. */
  model: string;
  calls: number;
  /** Of the calls whose price is known. */
  usd: number;
  /** Calls whose price is not known. */
  unpriced: number;
  tokens_in: number;
  tokens_out: number;
}

/** An alert that was given: each once. */
export interface AlertRow {
  scope: string;
  /** `2026-11-21`, `2026-11`. */
  period: string;
  /** `usd` or `tokens`. */
  unit: string;
  /** 50, 80 or 100. */
  percent: number;
  at: number;
}

export const spendingMigration: Migration = {
  name: "0003-spending",
  up: async (db) => {
    await spending(db);
    await alerts(db);
  },
};

async function spending(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("workflow_spending")
    .addColumn("day", "text", (column) => column.notNull())
    .addColumn("workflow", "text", (column) => column.notNull())
    .addColumn("principal", "text", (column) => column.notNull())
    .addColumn("model", "text", (column) => column.notNull())
    .addColumn("calls", "bigint", (column) => column.notNull())
    .addColumn("usd", "double precision", (column) => column.notNull())
    .addColumn("unpriced", "bigint", (column) => column.notNull())
    .addColumn("tokens_in", "bigint", (column) => column.notNull())
    .addColumn("tokens_out", "bigint", (column) => column.notNull())
    .addPrimaryKeyConstraint("workflow_spending_key", ["day", "workflow", "principal", "model"])
    .execute();
}

async function alerts(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("workflow_alerts")
    .addColumn("scope", "text", (column) => column.notNull())
    .addColumn("period", "text", (column) => column.notNull())
    .addColumn("unit", "text", (column) => column.notNull())
    .addColumn("percent", "integer", (column) => column.notNull())
    .addColumn("at", "bigint", (column) => column.notNull())
    .addPrimaryKeyConstraint("workflow_alerts_key", ["scope", "period", "unit", "percent"])
    .execute();
}
