import type { RoomMigrations } from "../adapters/store/index.ts";

/** What was last seen, so that the next start can tell what happened meanwhile; all but approvals can be rebuilt. */
export interface OrchestratorTables {
  change_states: {
    root: string;
    change_id: string;
    stage: string;
    place: string;
    /** JSON of `Diagnostic[]`. */
    findings: string;
    /** JSON of `Verdict`, and the hash of what it was given for. */
    verdict: string | null;
    verdict_hash: string | null;
    seen_at: number;
  };
  change_approvals: { root: string; change_id: string; plan_hash: string; commit_id: string; noticed_at: number };
  /** The texts that deltas were written against. */
  delta_bases: {
    root: string;
    change_id: string;
    capability: string;
    requirement: string;
    text: string;
    text_hash: string;
    commit_id: string | null;
    source: string;
    taken_at: number;
    block_hash: string;
    gone_at: number | null;
  };
  /** Single values: the branch that was checked out. */
  orchestrator_marks: { name: string; value: string };
}

export const migrations: RoomMigrations = {
  room: "orchestrator",
  migrations: [
    {
      name: "0001-states",
      up: async (db) => {
        await db.schema
          .createTable("change_states")
          .addColumn("root", "text", (column) => column.notNull())
          .addColumn("change_id", "text", (column) => column.notNull())
          .addColumn("stage", "text", (column) => column.notNull())
          .addColumn("place", "text", (column) => column.notNull())
          .addColumn("findings", "text", (column) => column.notNull())
          .addColumn("verdict", "text")
          .addColumn("verdict_hash", "text")
          .addColumn("seen_at", "bigint", (column) => column.notNull())
          .addPrimaryKeyConstraint("change_states_key", ["root", "change_id"])
          .execute();
        await db.schema
          .createTable("change_approvals")
          .addColumn("root", "text", (column) => column.notNull())
          .addColumn("change_id", "text", (column) => column.notNull())
          .addColumn("plan_hash", "text", (column) => column.notNull())
          .addColumn("commit_id", "text", (column) => column.notNull())
          .addColumn("noticed_at", "bigint", (column) => column.notNull())
          .addPrimaryKeyConstraint("change_approvals_key", ["root", "change_id", "plan_hash"])
          .execute();
        await db.schema
          .createTable("orchestrator_marks")
          .addColumn("name", "text", (column) => column.primaryKey())
          .addColumn("value", "text", (column) => column.notNull())
          .execute();
      },
    },
    {
      name: "0002-bases",
      up: async (db) => {
        await db.schema
          .createTable("delta_bases")
          .addColumn("root", "text", (column) => column.notNull())
          .addColumn("change_id", "text", (column) => column.notNull())
          .addColumn("capability", "text", (column) => column.notNull())
          .addColumn("requirement", "text", (column) => column.notNull())
          .addColumn("text", "text", (column) => column.notNull())
          .addColumn("text_hash", "text", (column) => column.notNull())
          .addColumn("commit_id", "text")
          .addColumn("source", "text", (column) => column.notNull())
          .addColumn("taken_at", "bigint", (column) => column.notNull())
          .addColumn("block_hash", "text", (column) => column.notNull())
          .addColumn("gone_at", "bigint")
          .addPrimaryKeyConstraint("delta_bases_key", ["root", "change_id", "capability", "requirement"])
          .execute();
      },
    },
  ],
};
