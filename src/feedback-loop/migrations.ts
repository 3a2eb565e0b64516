import type { Kysely } from "kysely";
import type { RoomMigrations } from "../adapters/store/index.ts";
import { rollups } from "./samples-migration.ts";

/** The loop's tables in the core store. */
export const migrations: RoomMigrations = {
  room: "feedback-loop",
  migrations: [
    {
      name: "0001-loop",
      up: async (db) => {
        await cyclesAndProblems(db);
        await proposals(db);
        await experiments(db);
        await recordsOfExperiments(db);
      },
    },
  ],
};

/** The loop's tables in the telemetry store. */
export const telemetryMigrations: RoomMigrations = {
  room: "feedback-loop",
  migrations: [
    { name: "0001-samples", up: samples },
    { name: "0002-rollups", up: rollups },
  ],
};

async function cyclesAndProblems(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("loop_cycles")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("started_at", "bigint", (column) => column.notNull())
    .addColumn("finished_at", "bigint")
    .addColumn("ms", "real")
    .addColumn("model_ms", "real")
    .addColumn("model", "text")
    .addColumn("model_calls", "integer", (column) => column.notNull())
    .addColumn("problems", "integer", (column) => column.notNull())
    .addColumn("proposals", "integer", (column) => column.notNull())
    .addColumn("dropped", "text", (column) => column.notNull())
    .execute();
  await db.schema.createIndex("loop_cycles_started").on("loop_cycles").column("started_at").execute();
  await db.schema
    .createTable("loop_problems")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("cycle_id", "text", (column) => column.notNull())
    .addColumn("code", "text", (column) => column.notNull())
    .addColumn("metric", "text", (column) => column.notNull())
    .addColumn("summary", "text", (column) => column.notNull())
    .addColumn("evidence", "text", (column) => column.notNull())
    .addColumn("candidates", "text", (column) => column.notNull())
    .addColumn("fingerprint", "text", (column) => column.notNull())
    .execute();
  await db.schema.createIndex("loop_problems_cycle").on("loop_problems").column("cycle_id").execute();
}

async function proposals(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("loop_proposals")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("change_id", "text", (column) => column.notNull().unique())
    .addColumn("problem_id", "text")
    .addColumn("fingerprint", "text", (column) => column.notNull())
    .addColumn("author", "text", (column) => column.notNull())
    .addColumn("drafted_by", "text", (column) => column.notNull())
    .addColumn("title", "text", (column) => column.notNull())
    .addColumn("draft", "text")
    .addColumn("experiment", "text", (column) => column.notNull())
    .addColumn("state", "text", (column) => column.notNull())
    .addColumn("reason", "text")
    .addColumn("branch", "text")
    .addColumn("commit_id", "text")
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .addColumn("closed_at", "bigint")
    .addColumn("row_hash", "text", (column) => column.notNull())
    .execute();
  await db.schema.createIndex("loop_proposals_state").on("loop_proposals").columns(["state", "created_at"]).execute();
}

async function experiments(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("loop_experiments")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("proposal_id", "text", (column) => column.notNull().unique())
    .addColumn("change_id", "text", (column) => column.notNull())
    .addColumn("state", "text", (column) => column.notNull())
    .addColumn("experiment", "text", (column) => column.notNull())
    .addColumn("approved_by", "text", (column) => column.notNull())
    .addColumn("approved_level", "text", (column) => column.notNull())
    .addColumn("approved_commit", "text", (column) => column.notNull())
    .addColumn("approved_tree", "text", (column) => column.notNull())
    .addColumn("approved_at", "bigint", (column) => column.notNull())
    .addColumn("waiting", "text")
    .addColumn("implement_commit", "text")
    .addColumn("implemented_at", "bigint")
    .addColumn("looks", "integer", (column) => column.notNull())
    .addColumn("pairs_at_look", "integer", (column) => column.notNull())
    .addColumn("verdict", "text")
    .addColumn("revert_commit", "text")
    .addColumn("verdict_commit", "text")
    .addColumn("settled", "integer", (column) => column.notNull())
    .addColumn("updated_at", "bigint", (column) => column.notNull())
    .addColumn("row_hash", "text", (column) => column.notNull())
    .execute();
  await db.schema.createIndex("loop_experiments_state").on("loop_experiments").column("state").execute();
}

async function recordsOfExperiments(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("loop_transitions")
    .addColumn("seq", "integer", (column) => column.primaryKey())
    .addColumn("subject", "text", (column) => column.notNull())
    .addColumn("from_state", "text", (column) => column.notNull())
    .addColumn("to_state", "text", (column) => column.notNull())
    .addColumn("at", "bigint", (column) => column.notNull())
    .addColumn("detail", "text", (column) => column.notNull())
    .execute();
  await db.schema.createIndex("loop_transitions_subject").on("loop_transitions").columns(["subject", "seq"]).execute();
  await db.schema
    .createTable("loop_pairs")
    .addColumn("experiment_id", "text", (column) => column.notNull())
    .addColumn("look", "integer", (column) => column.notNull())
    .addColumn("question_id", "text", (column) => column.notNull())
    .addColumn("first", "text", (column) => column.notNull())
    .addColumn("before_outcome", "text", (column) => column.notNull())
    .addColumn("after_outcome", "text", (column) => column.notNull())
    .addColumn("before_value", "real", (column) => column.notNull())
    .addColumn("after_value", "real", (column) => column.notNull())
    .addColumn("before_ms", "real", (column) => column.notNull())
    .addColumn("after_ms", "real", (column) => column.notNull())
    .addPrimaryKeyConstraint("loop_pairs_key", ["experiment_id", "look", "question_id"])
    .execute();
}

async function samples(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("samples")
    .addColumn("id", "integer", (column) => column.primaryKey())
    .addColumn("metric", "text", (column) => column.notNull())
    .addColumn("value", "real", (column) => column.notNull())
    .addColumn("at", "bigint", (column) => column.notNull())
    .addColumn("ref", "text")
    .addColumn("labels", "text")
    .execute();
  await db.schema.createIndex("samples_metric").on("samples").columns(["metric", "id"]).execute();
  await db.schema
    .createTable("sample_batches")
    .addColumn("metric", "text", (column) => column.notNull())
    .addColumn("count", "integer", (column) => column.notNull())
    .addColumn("mean", "real", (column) => column.notNull())
    .addColumn("median", "real", (column) => column.notNull())
    .addColumn("p95", "real", (column) => column.notNull())
    .addColumn("from_id", "integer", (column) => column.notNull())
    .addColumn("to_id", "integer", (column) => column.notNull())
    .addColumn("at", "bigint", (column) => column.notNull())
    .addPrimaryKeyConstraint("sample_batches_key", ["metric", "to_id"])
    .execute();
  await db.schema
    .createTable("loop_questions")
    .addColumn("question_id", "text", (column) => column.primaryKey())
    .addColumn("text", "text", (column) => column.notNull())
    .addColumn("kind", "text", (column) => column.notNull())
    .addColumn("state", "text", (column) => column.notNull())
    .addColumn("route", "text")
    .addColumn("at", "bigint", (column) => column.notNull())
    .execute();
  await db.schema.createIndex("loop_questions_at").on("loop_questions").column("at").execute();
}
