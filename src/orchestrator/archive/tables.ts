import type { RoomMigrations } from "../../adapters/store/index.ts";

/**
 * `intent`: under way (at start: what a crash left). `proposed`: on a branch that waits for a person. `granted`: a person
 * said yes and it is to be carried out. `written`: in the working tree, git was busy, the commit is missing. The others
 * are final.
 */
export type MoveState = "intent" | "proposed" | "granted" | "written" | "done" | "undone" | "refused";

/** Archives and their taking back; sealed and in the core database, because they say how to undo what a crash cut short. */
export interface ArchiveTables {
  archive_moves: {
    id: string;
    seq: number;
    kind: "archive" | "unarchive";
    state: MoveState;
    created_at: number;
    root: string;
    change_id: string;
    /** JSON of `Move`, absent for one that was refused before there was anything to move. */
    move: string | null;
    /** JSON of Principal. */
    principal: string;
    commit_id: string | null;
    /** Short name of the branch that waits, and the approval that was asked for. */
    branch: string | null;
    approval_id: string | null;
    /** JSON of string[]: requirement texts that OpenSpec alone would have lost here. */
    saved: string;
    /** Why it was refused or undone. */
    note: string | null;
    row_hash: string;
  };
}

export const archiveMigrations: RoomMigrations = {
  room: "archives",
  migrations: [
    {
      name: "0001-moves",
      up: async (db) => {
        await db.schema
          .createTable("archive_moves")
          .addColumn("id", "text", (column) => column.primaryKey())
          .addColumn("seq", "bigint", (column) => column.notNull().unique())
          .addColumn("kind", "text", (column) => column.notNull())
          .addColumn("state", "text", (column) => column.notNull())
          .addColumn("created_at", "bigint", (column) => column.notNull())
          .addColumn("root", "text", (column) => column.notNull())
          .addColumn("change_id", "text", (column) => column.notNull())
          .addColumn("move", "text")
          .addColumn("principal", "text", (column) => column.notNull())
          .addColumn("commit_id", "text")
          .addColumn("branch", "text")
          .addColumn("approval_id", "text")
          .addColumn("saved", "text", (column) => column.notNull())
          .addColumn("note", "text")
          .addColumn("row_hash", "text", (column) => column.notNull())
          .execute();
        await db.schema.createIndex("archive_moves_state").on("archive_moves").column("state").execute();
        await db.schema
          .createIndex("archive_moves_change")
          .on("archive_moves")
          .columns(["root", "change_id"])
          .execute();
      },
    },
  ],
};
