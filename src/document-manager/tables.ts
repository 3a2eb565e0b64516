import type { RoomMigrations } from "../adapters/store/index.ts";

/**
 * `intent`: about to be written (at start: what a crash left). `held`: git was in the middle of something, nothing is
 * written yet. `pending`: written, the commit is missing. The others are final; `written`: in the working tree, and a person
 * commits it with the document.
 */
export type EditState = "intent" | "held" | "pending" | "committed" | "proposed" | "written" | "failed";

/** One edit of one or more files; never lost once acknowledged, so it lives in the core database and is sealed. */
export interface DocumentTables {
  document_edits: {
    id: string;
    seq: number;
    state: EditState;
    created_at: number;
    settled_at: number | null;
    /** JSON of the request while it may have to be done again, else null. */
    request: string | null;
    /** JSON: `{path, base, next, edits}[]`, revisions null for "absent". */
    files: string;
    /** Commit message without trailers. */
    message: string;
    /** JSON: name -> value. */
    trailers: string;
    reason: string;
    /** `agent:claude-code`. */
    principal: string;
    /** JSON of Principal. */
    principal_json: string;
    idempotency_key: string | null;
    input_hash: string;
    commit_id: string | null;
    branch: string | null;
    /** JSON of UpdateResult, once there is one. */
    result: string | null;
    /** Why it failed or waits. */
    note: string | null;
    /** Id of the first edit of the group that it was written with, null when it was written alone. */
    group_id: string | null;
    row_hash: string;
  };
}

export const migrations: RoomMigrations = {
  room: "document-manager",
  migrations: [
    {
      name: "0001-edits",
      up: async (db) => {
        await db.schema
          .createTable("document_edits")
          .addColumn("id", "text", (column) => column.primaryKey())
          .addColumn("seq", "bigint", (column) => column.notNull().unique())
          .addColumn("state", "text", (column) => column.notNull())
          .addColumn("created_at", "bigint", (column) => column.notNull())
          .addColumn("settled_at", "bigint")
          .addColumn("request", "text")
          .addColumn("files", "text", (column) => column.notNull())
          .addColumn("message", "text", (column) => column.notNull())
          .addColumn("trailers", "text", (column) => column.notNull())
          .addColumn("reason", "text", (column) => column.notNull())
          .addColumn("principal", "text", (column) => column.notNull())
          .addColumn("principal_json", "text", (column) => column.notNull())
          .addColumn("idempotency_key", "text")
          .addColumn("input_hash", "text", (column) => column.notNull())
          .addColumn("commit_id", "text")
          .addColumn("branch", "text")
          .addColumn("result", "text")
          .addColumn("note", "text")
          .addColumn("row_hash", "text", (column) => column.notNull())
          .execute();
        await db.schema.createIndex("document_edits_state").on("document_edits").column("state").execute();
        await db.schema
          .createIndex("document_edits_key")
          .on("document_edits")
          .columns(["principal", "idempotency_key"])
          .execute();
      },
    },
    {
      name: "0002-groups",
      up: async (db) => {
        await db.schema.alterTable("document_edits").addColumn("group_id", "text").execute();
        await db.schema.createIndex("document_edits_group").on("document_edits").column("group_id").execute();
      },
    },
  ],
};
