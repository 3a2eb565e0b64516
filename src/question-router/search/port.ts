import type { IndexedDocument, Meaning, Unembedded } from "../../adapters/search/index.ts";
import type { DocumentAnswer } from "../document-answer.ts";
import type { QuestionOptions } from "../options.ts";
import type { Candidate } from "../retrieval.ts";
import type { Kind } from "../types.ts";

/** A document as it is read from the disk; it is cut into passages where it is indexed. */
export interface TextDocument {
  /** Relative to the repository, with forward slashes. */
  path: string;
  /** Git blob id. */
  revision: string;
  text: string;
}

export interface SearchQuery {
  text: string;
  change: string | null;
  kind?: Kind | undefined;
  /** Documents that are passed over as if they were not there. The same function is cheaper than an equal one. */
  mayRead?: ((path: string) => boolean) | undefined;
  meaning?: Pick<Meaning, "model" | "vector"> | undefined;
}

export type SearchSettings = Pick<QuestionOptions, "documents" | "embeddings">;

/**
 * The indexed documents, searched without holding up anybody else. A damaged or lost index is empty and says so once:
 * the method rejects with `store_corrupt`, and the documents have to be put in again. Disposal rejects what is not done
 * yet with `cancelled`.
 */
export interface DocumentSearch extends AsyncDisposable {
  /** Resolves when `documents` tells what is there. */
  opened(): Promise<void>;
  /** Path -> revision of everything that is indexed. */
  documents(): ReadonlyMap<string, string>;
  /** Grows with every change of what is indexed, documents or vectors. */
  readonly generation: number;
  /** Puts these in place of what was known of their paths, all or none. */
  replaceDocuments(documents: TextDocument[]): Promise<void>;
  removeDocuments(paths: string[]): Promise<void>;
  /** What the documents answer, or why they do not. */
  answer(query: SearchQuery, settings: SearchSettings): Promise<DocumentAnswer>;
  /** The passages for a question, best first, at most `documents.maxPassages`. */
  candidates(query: SearchQuery, settings: SearchSettings): Promise<Candidate[]>;
  /** The model of the vectors that are there; null when there are none. */
  embeddedBy(): Promise<string | null>;
  /** Passages without a vector of this model, at most `limit`. */
  unembedded(model: string, limit: number): Promise<Unembedded[]>;
  putVectors(model: string, vectors: { hash: string; vector: Float32Array }[]): Promise<void>;
  /** A copy of the documents in memory, without vectors, that can be changed without touching this one. */
  fork(): Promise<DocumentSearch>;
}

/** What a thread is asked to do. */
export type Job =
  | { op: "replace"; documents: TextDocument[] }
  | { op: "put"; documents: IndexedDocument[] }
  | { op: "remove"; paths: string[] }
  | { op: "read"; paths: string[] }
  | { op: "answer" | "candidates"; query: ThreadQuery; settings: SearchSettings }
  | { op: "embeddedBy" }
  | { op: "unembedded"; model: string; limit: number }
  | { op: "putVectors"; model: string; vectors: { hash: string; vector: Float32Array }[] };

/** A function cannot be sent to a thread: `hidden` are the documents that it refuses. */
export type ThreadQuery = Omit<SearchQuery, "mayRead"> & { hidden?: ReadonlySet<string> | undefined };

export type Result = { id: number; value: unknown } | { id: number; error: { code: string | null; message: string } };

export type ToThread = { jobs: { id: number; job: Job }[] } | { close: true };
/** `ready` comes first, with what is indexed; `emptied` when the index was found damaged, before the error it led to. */
export type FromThread = { ready: [path: string, revision: string][] } | { emptied: true } | { results: Result[] };

/** What a thread is started with. */
export interface ThreadData {
  path: string;
  /** It was closed properly by this process, so that it need not be looked through for damage. */
  trusted: boolean;
}
