import type { Kysely } from "kysely";
import type { Migration } from "../../adapters/store/index.ts";
import type { Operation } from "./options.ts";
import type { ApprovalLevel, ApprovalState, Decision } from "./port.ts";

export interface ApprovalRow {
  id: string;
  seq: number;
  state: ApprovalState;
  title: string;
  reason: string;
  operation: Operation;
  ref: string;
  branch: string;
  commit_id: string;
  base_id: string;
  /** JSON: string[]. */
  paths: string;
  content_hash: string;
  /** JSON of Principal. */
  proposer: string;
  level: ApprovalLevel;
  count: number;
  /** JSON: string[] or null for everybody. */
  approvers: string;
  escalate_at: number | null;
  /** JSON: string[]. */
  escalate_to: string;
  created_at: number;
  expires_at: number;
  nonce: string;
  note: string | null;
  superseded_by: string | null;
  redeemed_at: number | null;
  /** Where the content came onto the person's branch. */
  arrived_commit: string | null;
  /** 1: it came there on a lower level than the policy asks for, and nobody has said yes on the right one since. */
  bypassed: number;
  refusals: number;
  locked_until: number;
  row_hash: string;
}

export interface DecisionRow {
  id: string;
  approval_id: string;
  seq: number;
  decision: Decision["decision"];
  by_name: string;
  by_email: string;
  at: number;
  level: ApprovalLevel;
  method: string;
  comment: string | null;
  /** JSON of the selection, or null. */
  selection: string | null;
  /** JSON of what can be checked again, or null. */
  proof: string | null;
  row_hash: string;
}

export interface ApprovalTables {
  approvals: ApprovalRow;
  approval_decisions: DecisionRow;
  /** One row, `id` 1: the rules that were accepted last. */
  approval_policy: { id: number; policy: string; accepted_at: number; approval_id: string | null; row_hash: string };
  /** Sheets of codes that were met here. */
  approval_sheets: { sheet: string; email: string; seen_at: number; lost: number; row_hash: string };
}

export const approvalsMigration: Migration = {
  name: "0010-approvals",
  up: async (db) => {
    await createApprovals(db);
    await createDecisions(db);
    await db.schema
      .createTable("approval_policy")
      .addColumn("id", "integer", (column) => column.notNull().primaryKey())
      .addColumn("policy", "text", (column) => column.notNull())
      .addColumn("accepted_at", "bigint", (column) => column.notNull())
      .addColumn("approval_id", "text")
      .addColumn("row_hash", "text", (column) => column.notNull())
      .execute();
    await db.schema
      .createTable("approval_sheets")
      .addColumn("sheet", "text", (column) => column.notNull().primaryKey())
      .addColumn("email", "text", (column) => column.notNull())
      .addColumn("seen_at", "bigint", (column) => column.notNull())
      .addColumn("lost", "integer", (column) => column.notNull())
      .addColumn("row_hash", "text", (column) => column.notNull())
      .execute();
  },
};

async function createApprovals(db: Kysely<unknown>): Promise<void> {
  const texts = ["state", "title", "reason", "operation", "ref", "branch", "commit_id", "base_id", "paths"];
  const more = ["content_hash", "proposer", "level", "approvers", "escalate_to", "nonce", "row_hash"];
  let table = db.schema
    .createTable("approvals")
    .addColumn("id", "text", (column) => column.notNull().primaryKey())
    .addColumn("seq", "bigint", (column) => column.notNull().unique())
    .addColumn("count", "integer", (column) => column.notNull())
    .addColumn("escalate_at", "bigint")
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .addColumn("expires_at", "bigint", (column) => column.notNull())
    .addColumn("note", "text")
    .addColumn("superseded_by", "text")
    .addColumn("redeemed_at", "bigint")
    .addColumn("arrived_commit", "text")
    .addColumn("bypassed", "integer", (column) => column.notNull())
    .addColumn("refusals", "integer", (column) => column.notNull())
    .addColumn("locked_until", "bigint", (column) => column.notNull());
  for (const name of [...texts, ...more]) table = table.addColumn(name, "text", (column) => column.notNull());
  await table.execute();
  await db.schema.createIndex("approvals_state").on("approvals").column("state").execute();
  await db.schema.createIndex("approvals_subject").on("approvals").columns(["operation", "ref"]).execute();
}

async function createDecisions(db: Kysely<unknown>): Promise<void> {
  let table = db.schema
    .createTable("approval_decisions")
    .addColumn("id", "text", (column) => column.notNull().primaryKey())
    .addColumn("seq", "bigint", (column) => column.notNull())
    .addColumn("at", "bigint", (column) => column.notNull())
    .addColumn("comment", "text")
    .addColumn("selection", "text")
    .addColumn("proof", "text");
  for (const name of ["approval_id", "decision", "by_name", "by_email", "level", "method", "row_hash"])
    table = table.addColumn(name, "text", (column) => column.notNull());
  await table.execute();
  await db.schema
    .createIndex("approval_decisions_of")
    .on("approval_decisions")
    .columns(["approval_id", "seq"])
    .execute();
}
