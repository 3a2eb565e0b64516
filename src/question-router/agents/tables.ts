import { type Kysely, sql } from "kysely";
import type { Migration } from "../../adapters/store/index.ts";

/** In the core database, sealed like questions and answers: who may be asked, who was, and what they said. */
export interface AgentWorkTables {
  /** Agents that take questions and work, by `workerKey`. */
  workers: {
    id: string;
    /** `principalLabel`, as answers name it. */
    label: string;
    /** JSON array of words and globs. */
    capabilities: string;
    /** JSON array of kinds of questions; null for all that agents may answer. */
    kinds: string | null;
    max_load: number;
    registered_at: number;
    seen_at: number;
    row_hash: string;
  };
  /** One row per agent that was asked about one item; what is open is leased until `until`. */
  offers: {
    id: string;
    /** Id of a question or of a piece of work. */
    item: string;
    worker: string;
    label: string;
    /** Which of the agents that are asked at the same time: 0 without a quorum. */
    slot: number;
    state: OfferState;
    offered_at: number;
    until: number;
    closed_at: number | null;
    reason: string | null;
    /** What it said, where it is one voice of several or work. */
    text: string | null;
    /** Why this agent: the parts of its score, as one line. */
    why: string;
    row_hash: string;
  };
  /** What other rooms asked agents to do. */
  work: {
    id: string;
    key: string;
    /** JSON array. */
    capabilities: string;
    text: string;
    /** JSON Schema as text; null for free text. */
    schema: string | null;
    deadline: number;
    state: "open" | "done" | "over";
    answer: string | null;
    by: string | null;
    asked_at: number;
    row_hash: string;
  };
  /** What was said about how a question is to be answered; only for those where anything was. */
  question_terms: {
    question_id: string;
    quorum: number;
    /** JSON array; null for free answers. */
    choices: string | null;
    row_hash: string;
  };
}

/**
 * `open`: leased; `answered`: it said what counts, or its voice; `returned`: its time passed or it went away; `declined`:
 * it said no; `withdrawn`: somebody else answered or nobody needs it any more.
 */
export type OfferState = "open" | "answered" | "returned" | "declined" | "withdrawn";

export const agentsMigration: Migration = {
  name: "0010-agents",
  up: async (db) => {
    await createWorkers(db);
    await createOffers(db);
    await createWork(db);
    await db.schema
      .createTable("question_terms")
      .addColumn("question_id", "text", (column) => column.notNull().primaryKey())
      .addColumn("quorum", "integer", (column) => column.notNull())
      .addColumn("choices", "text")
      .addColumn("row_hash", "text", (column) => column.notNull())
      .execute();
    // What is due is found without looking at all that waits.
    await db.schema.createIndex("questions_due").on("questions").columns(["status", "expires_at"]).execute();
  },
};

async function createWorkers(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("workers")
    .addColumn("id", "text", (column) => column.notNull().primaryKey())
    .addColumn("label", "text", (column) => column.notNull())
    .addColumn("capabilities", "text", (column) => column.notNull())
    .addColumn("kinds", "text")
    .addColumn("max_load", "integer", (column) => column.notNull())
    .addColumn("registered_at", "bigint", (column) => column.notNull())
    .addColumn("seen_at", "bigint", (column) => column.notNull())
    .addColumn("row_hash", "text", (column) => column.notNull())
    .execute();
}

async function createOffers(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("offers")
    .addColumn("id", "text", (column) => column.notNull().primaryKey())
    .addColumn("item", "text", (column) => column.notNull())
    .addColumn("worker", "text", (column) => column.notNull())
    .addColumn("label", "text", (column) => column.notNull())
    .addColumn("slot", "integer", (column) => column.notNull())
    .addColumn("state", "text", (column) => column.notNull())
    .addColumn("offered_at", "bigint", (column) => column.notNull())
    .addColumn("until", "bigint", (column) => column.notNull())
    .addColumn("closed_at", "bigint")
    .addColumn("reason", "text")
    .addColumn("text", "text")
    .addColumn("why", "text", (column) => column.notNull())
    .addColumn("row_hash", "text", (column) => column.notNull())
    .execute();
  await db.schema.createIndex("offers_item").on("offers").columns(["item", "offered_at"]).execute();
  await db.schema.createIndex("offers_worker").on("offers").columns(["worker", "state", "closed_at"]).execute();
  await db.schema.createIndex("offers_state").on("offers").columns(["state"]).execute();
  // Never two agents in one place of one question, whatever the program thinks.
  await db.schema
    .createIndex("offers_one_lease")
    .unique()
    .on("offers")
    .columns(["item", "slot"])
    .where(sql.ref("state"), "=", "open")
    .execute();
}

async function createWork(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("work")
    .addColumn("id", "text", (column) => column.notNull().primaryKey())
    .addColumn("key", "text", (column) => column.notNull().unique())
    .addColumn("capabilities", "text", (column) => column.notNull())
    .addColumn("text", "text", (column) => column.notNull())
    .addColumn("schema", "text")
    .addColumn("deadline", "bigint", (column) => column.notNull())
    .addColumn("state", "text", (column) => column.notNull())
    .addColumn("answer", "text")
    .addColumn("by", "text")
    .addColumn("asked_at", "bigint", (column) => column.notNull())
    .addColumn("row_hash", "text", (column) => column.notNull())
    .execute();
}
