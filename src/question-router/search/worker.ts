import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { openSearchIndex, type SearchIndex } from "../../adapters/search/index.ts";
import { SpecloopError } from "../../foundation/errors.ts";
import { answerFromDocuments } from "../document-answer.ts";
import { type Candidate, retrieve } from "../retrieval.ts";
import { passagesOfFile } from "../sources/index.ts";
import type { FromThread, Job, Result, SearchSettings, ThreadData, ThreadQuery, ToThread } from "./port.ts";

/** Results are sent together, but none waits longer than this: the first of a burst are answered while others are searched. */
const FLUSH_MS = 4;
/** What is prepared for coming questions is prepared in pieces of this length, when nobody has asked for a while. */
const WARM_MS = 5;
const QUIET_MS = 30;

/** The other side of SearchThread: owns the index and does one job after the other. */
class Desk {
  readonly #port: MessagePort;
  readonly #index: SearchIndex;
  #results: Result[] = [];
  #lastFlush = 0;
  #flushing = false;
  #warming: NodeJS.Timeout | undefined;

  constructor(port: MessagePort, { path, trusted }: ThreadData) {
    this.#port = port;
    this.#index = openSearchIndex(path, { trusted });
    port.on("message", (message: ToThread) => this.#take(message));
    this.#post({ ready: [...this.#index.documents()] });
    this.#warmLater();
  }

  #take(message: ToThread): void {
    clearTimeout(this.#warming);
    if ("close" in message) return this.#close();
    for (const { id, job } of message.jobs) {
      this.#results.push(this.#done(id, job));
      if (performance.now() - this.#lastFlush > FLUSH_MS) this.#flush();
    }
    this.#flushSoon();
    this.#warmLater();
  }

  #done(id: number, job: Job): Result {
    try {
      return { id, value: perform(this.#index, job) };
    } catch (error) {
      const code = error instanceof SpecloopError ? error.code : null;
      if (code === "store_corrupt") this.#post({ emptied: true });
      return { id, error: { code, message: error instanceof Error ? error.message : String(error) } };
    }
  }

  #flushSoon(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    setImmediate(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    this.#lastFlush = performance.now();
    if (this.#results.length === 0) return;
    this.#post({ results: this.#results });
    this.#results = [];
  }

  #warmLater(): void {
    clearTimeout(this.#warming);
    this.#warming = setTimeout(() => this.#warm(), QUIET_MS);
  }

  #warm(): void {
    // A turn of the event loop lies between two pieces, in which jobs come in and take their own time.
    if (!this.#index.warm(WARM_MS)) this.#warming = setTimeout(() => this.#warm(), 0);
  }

  #close(): void {
    this.#flush();
    this.#index[Symbol.dispose]();
    this.#port.close();
  }

  #post(message: FromThread): void {
    this.#port.postMessage(message, []);
  }
}

function perform(index: SearchIndex, job: Job): unknown {
  switch (job.op) {
    case "replace":
      index.replaceDocuments(
        job.documents.map(({ path, revision, text }) => ({ path, revision, passages: passagesOfFile(path, text) })),
      );
      break;
    case "put":
      index.replaceDocuments(job.documents);
      break;
    case "remove":
      index.removeDocuments(job.paths);
      break;
    case "read":
      return index.read(job.paths);
    case "answer":
      return answerFromDocuments(index, withScope(job.query), job.settings);
    case "candidates":
      return candidatesOf(index, job.query, job.settings);
    case "embeddedBy":
      return index.embeddedBy();
    case "unembedded":
      return index.unembedded(job.model, job.limit);
    case "putVectors":
      index.putVectors(job.model, job.vectors);
  }
  return null;
}

function withScope({ hidden, ...query }: ThreadQuery) {
  return hidden ? { ...query, mayRead: (path: string) => !hidden.has(path) } : query;
}

function candidatesOf(index: SearchIndex, query: ThreadQuery, { documents, embeddings }: SearchSettings): Candidate[] {
  const { mayRead, meaning, ...question } = { mayRead: undefined, ...withScope(query) };
  const { minScore } = documents;
  const { candidates } = retrieve(index, question, {
    limit: documents.maxPassages,
    mayRead,
    meaning: meaning && { ...meaning, ...embeddings, minScore },
  });
  // What is read when it is looked at has to be read before it is sent.
  return candidates.map(({ hit, ...candidate }) => ({ ...candidate, hit: { ...hit, passage: hit.passage } }));
}

/** Lives as long as the thread: the port holds it. */
export const desk = parentPort && new Desk(parentPort, workerData as ThreadData);
