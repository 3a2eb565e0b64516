import { agentsMigration } from "./agent-migration.ts";
import type { AgentTables } from "./agent-rows.ts";
import { approvalsMigration, type ApprovalTables } from "./approvals/tables.ts";
import type { AuditTables } from "./audit.ts";
import type { IdempotencyTables } from "./idempotency.ts";
import { appendOnly, type RoomMigrations } from "../adapters/store/index.ts";

/** The tables of access, all in the core database. */
export type AccessTables = AgentTables & AuditTables & IdempotencyTables & ApprovalTables;

export const migrations: RoomMigrations = {
  room: "access",
  migrations: [
    {
      name: "0001-idempotency",
      up: async (db) => {
        await db.schema
          .createTable("idempotency")
          .addColumn("scope", "text", (column) => column.notNull())
          .addColumn("key", "text", (column) => column.notNull())
          .addColumn("input_hash", "text", (column) => column.notNull())
          .addColumn("result", "text", (column) => column.notNull())
          .addColumn("expires_at", "bigint", (column) => column.notNull())
          .addColumn("row_hash", "text", (column) => column.notNull())
          .addPrimaryKeyConstraint("idempotency_key", ["scope", "key"])
          .execute();
        await db.schema.createIndex("idempotency_expiry").on("idempotency").column("expires_at").execute();
      },
    },
    {
      name: "0002-audit",
      up: async (db) => {
        await db.schema
          .createTable("audit")
          .addColumn("seq", "bigint", (column) => column.notNull().primaryKey())
          .addColumn("at", "bigint", (column) => column.notNull())
          .addColumn("actor", "text", (column) => column.notNull())
          .addColumn("action", "text", (column) => column.notNull())
          .addColumn("target", "text", (column) => column.notNull())
          .addColumn("detail", "text", (column) => column.notNull())
          .addColumn("prev_hash", "text", (column) => column.notNull())
          .addColumn("hash", "text", (column) => column.notNull())
          .execute();
        await db.schema
          .createTable("audit_head")
          .addColumn("id", "integer", (column) => column.notNull().primaryKey())
          .addColumn("seq", "bigint", (column) => column.notNull())
          .addColumn("hash", "text", (column) => column.notNull())
          .execute();
        await appendOnly(db, "audit");
      },
    },
    agentsMigration,
    approvalsMigration,
  ],
};
