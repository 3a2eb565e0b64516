import type { Migration } from "../adapters/store/index.ts";

export const agentsMigration: Migration = {
  name: "0003-agents",
  up: async (db) => {
    await db.schema
      .createTable("agents")
      .addColumn("id", "text", (column) => column.notNull().primaryKey())
      .addColumn("name", "text", (column) => column.notNull())
      .addColumn("token_hash", "text", (column) => column.notNull().unique())
      .addColumn("tools", "text", (column) => column.notNull())
      .addColumn("read_paths", "text", (column) => column.notNull())
      .addColumn("write_paths", "text", (column) => column.notNull())
      .addColumn("rate", "integer", (column) => column.notNull())
      .addColumn("created_at", "bigint", (column) => column.notNull())
      .addColumn("created_by", "text", (column) => column.notNull())
      .addColumn("expires_at", "bigint")
      .addColumn("revoked_at", "bigint")
      .addColumn("revoked_by", "text")
      .addColumn("row_hash", "text", (column) => column.notNull())
      .execute();
  },
};
