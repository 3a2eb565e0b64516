import type { Kysely } from "kysely";
import { insertSealed, type Migration } from "../../adapters/store/index.ts";

/** In the core database: what was said in a session before a follow-up question, for whoever answers it later. */
export interface ContextTables {
  question_context: {
    question_id: string;
    /** JSON array of `Said`, oldest first. */
    said: string;
    row_hash: string;
  };
}

/** A question that was asked before, and its answer where the asker could read that. */
export type Said = { question: string; answer: string | null };

export const contextMigration: Migration = {
  name: "0030-context",
  up: async (db: Kysely<unknown>) => {
    await db.schema
      .createTable("question_context")
      .addColumn("question_id", "text", (column) => column.notNull().primaryKey().references("questions.id"))
      .addColumn("said", "text", (column) => column.notNull())
      .addColumn("row_hash", "text", (column) => column.notNull())
      .execute();
  },
};

/** Keeps what was said, in the transaction that keeps the question. */
export async function insertContext(tx: Kysely<never>, questionId: string, said: Said[]): Promise<void> {
  // Whoever records something in a transaction of somebody else is not told which tables that knows.
  const db = tx as unknown as Kysely<ContextTables>;
  await insertSealed(db, "question_context", { question_id: questionId, said: JSON.stringify(said) });
}

/** What was said before a question; empty for one that is no follow-up. */
export async function contextOf(db: Kysely<ContextTables>, questionId: string): Promise<Said[]> {
  const query = db.selectFrom("question_context").select("said").where("question_id", "=", questionId);
  const row = await query.executeTakeFirst();
  return row ? (JSON.parse(row.said) as Said[]) : [];
}
