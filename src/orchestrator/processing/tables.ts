import type { RoomMigrations } from "../../adapters/store/index.ts";

/** What became of the open questions of changes. */
export interface ProcessingTables {
  change_questions: {
    /** Follows from root, change, document and text, so that a question is met again wherever it moves to. */
    id: string;
    root: string;
    change_id: string;
    path: string;
    text: string;
    state: QuestionState;
    /** Id in the question router. */
    question_id: string | null;
    answer: string | null;
    answered_by: string | null;
    first_seen_at: number;
    updated_at: number;
  };
  change_processing: {
    root: string;
    change_id: string;
    content_hash: string;
    processed_at: number;
    /** JSON of `Suggestions`. */
    suggestions: string | null;
    /** Why the last wish for suggestions or questions was not met. */
    note: string | null;
  };
}

/**
 * `open`: nobody was asked. `asked`: it waits in the router. `suggested`: something else than a person answered.
 * `answered`: a person did, and it is to be written down. `written`: the answer stands in the document. `gone`: the
 * document does not ask it any more.
 */
export type QuestionState = "open" | "asked" | "suggested" | "answered" | "written" | "gone";

export const migrations: RoomMigrations = {
  room: "processing",
  migrations: [
    {
      name: "0001-questions",
      up: async (db) => {
        await db.schema
          .createTable("change_questions")
          .addColumn("id", "text", (column) => column.primaryKey())
          .addColumn("root", "text", (column) => column.notNull())
          .addColumn("change_id", "text", (column) => column.notNull())
          .addColumn("path", "text", (column) => column.notNull())
          .addColumn("text", "text", (column) => column.notNull())
          .addColumn("state", "text", (column) => column.notNull())
          .addColumn("question_id", "text")
          .addColumn("answer", "text")
          .addColumn("answered_by", "text")
          .addColumn("first_seen_at", "bigint", (column) => column.notNull())
          .addColumn("updated_at", "bigint", (column) => column.notNull())
          .execute();
        await db.schema
          .createIndex("change_questions_change")
          .on("change_questions")
          .columns(["root", "change_id"])
          .execute();
        await db.schema.createIndex("change_questions_question").on("change_questions").column("question_id").execute();
        await db.schema
          .createTable("change_processing")
          .addColumn("root", "text", (column) => column.notNull())
          .addColumn("change_id", "text", (column) => column.notNull())
          .addColumn("content_hash", "text", (column) => column.notNull())
          .addColumn("processed_at", "bigint", (column) => column.notNull())
          .addColumn("suggestions", "text")
          .addColumn("note", "text")
          .addPrimaryKeyConstraint("change_processing_key", ["root", "change_id"])
          .execute();
      },
    },
  ],
};
