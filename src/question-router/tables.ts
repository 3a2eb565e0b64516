import type { Kysely } from "kysely";
import type { RoomMigrations } from "../adapters/store/index.ts";
import { type AgentWorkTables, agentsMigration } from "./agents/tables.ts";
import { peopleMigration } from "./people/tables.ts";
import { contextMigration, type ContextTables } from "./session/context-rows.ts";
import { similarMigration, type SimilarTables } from "./similar/tables.ts";
import type { Kind, Route, Status, Verdict } from "./types.ts";

/** In the core database: never lost once acknowledged. Rows are sealed, so every table ends in `row_hash`. */
export interface QuestionTables extends AgentWorkTables, SimilarTables, ContextTables {
  questions: {
    id: string;
    text: string;
    kind: Kind;
    change_id: string | null;
    key: string;
    status: Status;
    asked_at: number;
    /** `principalLabel` of who asked first. */
    asker: string;
    expires_at: number;
    closed_at: number | null;
    answer_id: string | null;
    row_hash: string;
  };
  answers: {
    id: string;
    question_id: string;
    key: string;
    text: string;
    /** JSON array of `Citation`. */
    citations: string;
    route: Exclude<Route, "cache">;
    confidence: number;
    author: string;
    at: number;
    verdict: Verdict | null;
    judged_by: string | null;
    judged_at: number | null;
    row_hash: string;
  };
}

/** In the telemetry database: statistics, one row per ask (also cached and coalesced ones) and per rung. */
export interface QuestionTelemetryTables {
  question_asks: {
    question_id: string;
    at: number;
    asker: string;
    status: Status;
    route: string | null;
    cached: number;
    ms: number;
  };
  question_hops: {
    question_id: string;
    place: number;
    responder: string;
    outcome: string;
    ms: number;
    reason: string;
    /** When it was recorded; rungs of one climb by `place`. */
    at: number;
    /** When it began; null in rows of earlier versions. */
    began_at: number | null;
    tokens_in: number | null;
    tokens_out: number | null;
    usd: number | null;
  };
}

export const migrations: RoomMigrations = {
  room: "question-router",
  migrations: [
    { name: "0001-questions", up: createQuestions },
    peopleMigration,
    agentsMigration,
    similarMigration,
    contextMigration,
  ],
};

export const telemetryMigrations: RoomMigrations = {
  room: "question-router",
  migrations: [
    { name: "0001-asks", up: createTelemetry },
    { name: "0010-hops", up: addCosts },
  ],
};

async function createQuestions(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("questions")
    .addColumn("id", "text", (column) => column.notNull().primaryKey())
    .addColumn("text", "text", (column) => column.notNull())
    .addColumn("kind", "text", (column) => column.notNull())
    .addColumn("change_id", "text")
    .addColumn("key", "text", (column) => column.notNull())
    .addColumn("status", "text", (column) => column.notNull())
    .addColumn("asked_at", "bigint", (column) => column.notNull())
    .addColumn("asker", "text", (column) => column.notNull())
    .addColumn("expires_at", "bigint", (column) => column.notNull())
    .addColumn("closed_at", "bigint")
    .addColumn("answer_id", "text")
    .addColumn("row_hash", "text", (column) => column.notNull())
    .execute();
  await db.schema.createIndex("questions_key").on("questions").columns(["key", "status"]).execute();
  await db.schema.createIndex("questions_status").on("questions").columns(["status", "asked_at"]).execute();
  await db.schema.createIndex("questions_asked").on("questions").columns(["asked_at", "id"]).execute();
  await db.schema
    .createTable("answers")
    .addColumn("id", "text", (column) => column.notNull().primaryKey())
    .addColumn("question_id", "text", (column) => column.notNull().references("questions.id"))
    .addColumn("key", "text", (column) => column.notNull())
    .addColumn("text", "text", (column) => column.notNull())
    .addColumn("citations", "text", (column) => column.notNull())
    .addColumn("route", "text", (column) => column.notNull())
    .addColumn("confidence", "double precision", (column) => column.notNull())
    .addColumn("author", "text", (column) => column.notNull())
    .addColumn("at", "bigint", (column) => column.notNull())
    .addColumn("verdict", "text")
    .addColumn("judged_by", "text")
    .addColumn("judged_at", "bigint")
    .addColumn("row_hash", "text", (column) => column.notNull())
    .execute();
  await db.schema.createIndex("answers_key").on("answers").columns(["key", "at"]).execute();
  await db.schema.createIndex("answers_question").on("answers").columns(["question_id", "at"]).execute();
}

async function createTelemetry(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("question_asks")
    .addColumn("question_id", "text", (column) => column.notNull())
    .addColumn("at", "bigint", (column) => column.notNull())
    .addColumn("asker", "text", (column) => column.notNull())
    .addColumn("status", "text", (column) => column.notNull())
    .addColumn("route", "text")
    .addColumn("cached", "integer", (column) => column.notNull())
    .addColumn("ms", "double precision", (column) => column.notNull())
    .execute();
  await db.schema.createIndex("question_asks_at").on("question_asks").column("at").execute();
  await db.schema
    .createTable("question_hops")
    .addColumn("question_id", "text", (column) => column.notNull())
    .addColumn("place", "integer", (column) => column.notNull())
    .addColumn("responder", "text", (column) => column.notNull())
    .addColumn("outcome", "text", (column) => column.notNull())
    .addColumn("ms", "double precision", (column) => column.notNull())
    .addColumn("reason", "text", (column) => column.notNull())
    .addColumn("at", "bigint", (column) => column.notNull())
    .execute();
  await db.schema.createIndex("question_hops_at").on("question_hops").column("at").execute();
  await db.schema.createIndex("question_hops_question").on("question_hops").column("question_id").execute();
}

/** When each rung began and what it cost. */
async function addCosts(db: Kysely<unknown>): Promise<void> {
  for (const column of ["began_at", "tokens_in", "tokens_out"])
    await db.schema.alterTable("question_hops").addColumn(column, "bigint").execute();
  await db.schema.alterTable("question_hops").addColumn("usd", "double precision").execute();
  await db.schema.createIndex("question_hops_responder").on("question_hops").columns(["responder", "at"]).execute();
}
