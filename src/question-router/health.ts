import type { HealthCheck } from "../foundation/health.ts";
import type { Corpus } from "./corpus.ts";
import type { DocumentSearch } from "./search/port.ts";

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
