import type { Kysely } from "kysely";
import type { Migration } from "../../adapters/store/index.ts";

/** In the core database, beside questions and answers. */
export interface SimilarTables {
  /**
   * An index over questions, made from their texts and made again whenever the rules change; it is not sealed, because a
   * candidate's gist is read anew from its own text before it counts.
   */
  question_gists: {
    key: string;
    /** `gistHash` of kind, change and gist; empty where a question is not compared. */
    strict: string;
    near: string;
    version: number;
  };
  /** Answers that were taken from a similar question's; what was said of them is in `answers`. */
  similar_hits: {
    answer_id: string;
    /** The answer it was taken from, and that one's question. */
    source_answer_id: string;
    source_question_id: string;
    /** Key of the source's question: thresholds are learnt per entry. */
    entry: string;
    similarity: number;
    /** What measured the similarity: `words`, or the embedding model's name. */
    scale: string;
    at: number;
    row_hash: string;
  };
}

export const similarMigration: Migration = { name: "0020-similar", up: create };

async function create(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("question_gists")
    .addColumn("key", "text", (column) => column.notNull().primaryKey())
    .addColumn("strict", "text", (column) => column.notNull())
    .addColumn("near", "text", (column) => column.notNull())
    .addColumn("version", "integer", (column) => column.notNull())
    .execute();
  await db.schema.createIndex("question_gists_strict").on("question_gists").column("strict").execute();
  await db.schema.createIndex("question_gists_near").on("question_gists").column("near").execute();
  await db.schema
    .createTable("similar_hits")
    .addColumn("answer_id", "text", (column) => column.notNull().primaryKey())
    .addColumn("source_answer_id", "text", (column) => column.notNull())
    .addColumn("source_question_id", "text", (column) => column.notNull())
    .addColumn("entry", "text", (column) => column.notNull())
    .addColumn("similarity", "double precision", (column) => column.notNull())
    .addColumn("scale", "text", (column) => column.notNull())
    .addColumn("at", "bigint", (column) => column.notNull())
    .addColumn("row_hash", "text", (column) => column.notNull())
    .execute();
  await db.schema.createIndex("similar_hits_entry").on("similar_hits").columns(["entry", "scale"]).execute();
  await db.schema.createIndex("similar_hits_source").on("similar_hits").column("source_answer_id").execute();
}
