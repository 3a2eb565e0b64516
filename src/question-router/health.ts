import { sealedHealth, type SealedTable, type Store } from "../adapters/store/index.ts";
import type { HealthCheck } from "../foundation/health.ts";
import type { Corpus } from "./corpus.ts";
import type { DocumentSearch } from "./search/port.ts";
import type { QuestionTables } from "./tables.ts";

/** Every table of this room whose rows are sealed; one that is missing here does not compile. */
const SEALED: Record<SealedTable<QuestionTables>, true> = {
  questions: true,
  answers: true,
  question_terms: true,
  similar_hits: true,
  question_context: true,
  workers: true,
  offers: true,
  work: true,
};

/** Whether what was accepted is as it was written: questions, answers, their terms and sources, agents and their work. */
export function rowsHealth(store: Store<QuestionTables>): HealthCheck {
  return sealedHealth(store.read, Object.keys(SEALED) as SealedTable<QuestionTables>[]);
}

/** Whether questions can be answered from the documents. */
export function corpusHealth(corpus: Corpus, index: DocumentSearch): HealthCheck {
  return {
    name: "documents-index",
    summary: "The documents that questions are answered from are indexed.",
    run: async () => {
      await corpus.settled();
      const failure = corpus.failure();
      if (failure !== null) {
        const message = failure instanceof Error ? failure.message : "the documents could not be indexed";
        return { status: "failing", message, fix: "Delete .specloop/index.db; it is built anew at the next start." };
      }
      const documents = index.documents().size;
      if (documents > 0)
        return { status: "ok", message: `${documents} ${documents === 1 ? "document is" : "documents are"} indexed.` };
      return {
        status: "warning",
        message: "No document is indexed.",
        fix: "Check questions.documents.globs in specloop.yaml.",
      };
    },
  };
}
