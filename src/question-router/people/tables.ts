import type { Kysely } from "kysely";
import type { Migration } from "../../adapters/store/index.ts";

/** In the core database. */
export interface PeopleTables {
  /** What people were told of a question, once each: `remind:4`, `escalate:24:lead`. */
  question_notices: { question_id: string; step: string; to_whom: string; at: number };
  /** Forms that clients were given for the person at them; each is answered once. */
  question_forms: {
    id: string;
    question_id: string;
    /** `principalLabel` of the client. */
    client: string;
    at: number;
    closed_at: number | null;
    outcome: "accept" | "decline" | "cancel" | null;
  };
}

export const peopleMigration: Migration = { name: "0002-people", up: create };

async function create(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("question_notices")
    .addColumn("question_id", "text", (column) => column.notNull().references("questions.id"))
    .addColumn("step", "text", (column) => column.notNull())
    .addColumn("to_whom", "text", (column) => column.notNull())
    .addColumn("at", "bigint", (column) => column.notNull())
    .addPrimaryKeyConstraint("question_notices_key", ["question_id", "step"])
    .execute();
  await db.schema
    .createTable("question_forms")
    .addColumn("id", "text", (column) => column.notNull().primaryKey())
    .addColumn("question_id", "text", (column) => column.notNull().references("questions.id"))
    .addColumn("client", "text", (column) => column.notNull())
    .addColumn("at", "bigint", (column) => column.notNull())
    .addColumn("closed_at", "bigint")
    .addColumn("outcome", "text")
    .execute();
  await db.schema.createIndex("question_forms_question").on("question_forms").columns(["question_id", "at"]).execute();
}
