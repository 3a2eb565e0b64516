import { Worker } from "node:worker_threads";
import type { IndexedDocument, Unembedded } from "../../adapters/search/index.ts";
import { SpecloopError } from "../../foundation/errors.ts";
import type { DocumentAnswer } from "../document-answer.ts";
import type { Candidate } from "../retrieval.ts";
import type {
  DocumentSearch,
  FromThread,
  Job,
  Result,
  SearchQuery,
  SearchSettings,
  TextDocument,
  ThreadData,
  ThreadQuery,
} from "./port.ts";
import { Scopes } from "./scopes.ts";
import { asError, mayReadAll, type Pending, post, relevant, type SearchThreadOptions } from "./wire.ts";

const OPTIONS: SearchThreadOptions = { idleMs: 300_000, maxHeapMb: 512 };
/** How often a job is given to a thread that ends while it has it. */
const ATTEMPTS = 2;
const CLOSE_MS = 5000;
/** Room for what is made and dropped within a search; the preset of Node costs 7 MB more and saves nothing here. */
const YOUNG_MB = 8;
const FORK_BATCH = 100;
/** A document that came in between may be one that the asker may not read: then it is searched again. */
const SCOPE_ATTEMPTS = 3;

/**
 * The index at a path (or in memory for `:memory:`), searched in a thread of its own so that nobody waits for a search
 * but its asker. The thread starts with the first job and ends when there is none for long; one that ends on its own is
 * started again, and what it had is done once more. Opens nothing before it is used.
 */
export function openDocumentSearch(path: string, options: Partial<SearchThreadOptions> = {}): DocumentSearch {
  return new SearchThread(path, { ...OPTIONS, ...options });
}

class SearchThread implements DocumentSearch {
  readonly #path: string;
  readonly #options: SearchThreadOptions;
  readonly #pending = new Map<number, Pending>();
  readonly #revisions = new Map<string, string>();
  readonly #scopes = new Scopes();
  readonly #opened = Promise.withResolvers<void>();
  #outbox: number[] = [];
  #worker: Worker | null = null;
  #ready = false;
  #everReady = false;
  #trusted = false;
  #disposed = false;
  #lastId = 0;
  #generation = 0;
  #idle: NodeJS.Timeout | undefined;

  constructor(path: string, options: SearchThreadOptions) {
    this.#path = path;
    this.#options = options;
    // Whoever waits hears of a failure; with nobody waiting it must not end the process.
    this.#opened.promise.catch(() => {});
  }

  get generation(): number {
    return this.#generation;
  }

  async opened(): Promise<void> {
    if (this.#everReady) return;
    if (!this.#disposed && !this.#worker) this.#start();
    await this.#opened.promise;
  }

  documents(): ReadonlyMap<string, string> {
    return this.#revisions;
  }

  async replaceDocuments(documents: TextDocument[]): Promise<void> {
    await this.#run({ op: "replace", documents });
  }

  async removeDocuments(paths: string[]): Promise<void> {
    await this.#run({ op: "remove", paths });
  }

  async answer(query: SearchQuery, settings: SearchSettings): Promise<DocumentAnswer> {
    for (let attempt = 1; attempt <= SCOPE_ATTEMPTS; attempt += 1) {
      const answer = (await this.#run(() => ({
        op: "answer",
        query: this.#scoped(query),
        settings: relevant(settings),
      }))) as DocumentAnswer;
      if (answer.outcome === "declined" || mayReadAll(query, answer.citations)) return answer;
    }
    return { outcome: "declined", reason: "the documents kept changing while they were searched" };
  }

  async candidates(query: SearchQuery, settings: SearchSettings): Promise<Candidate[]> {
    const job = () => ({ op: "candidates" as const, query: this.#scoped(query), settings: relevant(settings) });
    const candidates = (await this.#run(job)) as Candidate[];
    return candidates.filter(({ hit }) => mayReadAll(query, [hit]));
  }

  async embeddedBy(): Promise<string | null> {
    return (await this.#run({ op: "embeddedBy" })) as string | null;
  }

  async unembedded(model: string, limit: number): Promise<Unembedded[]> {
    return (await this.#run({ op: "unembedded", model, limit })) as Unembedded[];
  }

  async putVectors(model: string, vectors: { hash: string; vector: Float32Array }[]): Promise<void> {
    await this.#run({ op: "putVectors", model, vectors });
    this.#generation += 1;
  }

  async fork(): Promise<DocumentSearch> {
    await this.opened();
    const copy = new SearchThread(":memory:", this.#options);
    try {
      const paths = [...this.#revisions.keys()];
      for (let at = 0; at < paths.length; at += FORK_BATCH) {
        const job = { op: "read" as const, paths: paths.slice(at, at + FORK_BATCH) };
        await copy.#run({ op: "put", documents: (await this.#run(job)) as IndexedDocument[] });
      }
      await copy.opened();
      return copy;
    } catch (error) {
      await copy[Symbol.asyncDispose]();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    clearTimeout(this.#idle);
    const closed = new SpecloopError("cancelled", "The search index was closed.");
    this.#opened.reject(closed);
    this.#rejectAll(closed);
    await this.#end();
  }

  #scoped({ mayRead, ...query }: SearchQuery): ThreadQuery {
    return mayRead ? { ...query, hidden: this.#scopes.hidden(mayRead, this.#revisions, this.#generation) } : query;
  }

  #run(job: Job | (() => Job)): Promise<unknown> {
    if (this.#disposed) return Promise.reject(new SpecloopError("cancelled", "The search index is closed."));
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#lastId += 1;
    const make = typeof job === "function" ? job : () => job;
    const changes = typeof job !== "function" && (job.op === "replace" || job.op === "put" || job.op === "remove");
    this.#pending.set(this.#lastId, { make, changes, attempts: 0, resolve, reject });
    clearTimeout(this.#idle);
    if (!this.#worker) this.#start();
    else if (this.#ready) this.#send(this.#lastId);
    this.#worker?.ref();
    return promise;
  }

  /** What is asked for in one go goes in one message. */
  #send(id: number): void {
    if (this.#outbox.length === 0) queueMicrotask(() => this.#flush());
    this.#outbox.push(id);
  }

  #flush(): void {
    const ids = this.#outbox;
    this.#outbox = [];
    if (!this.#worker || !this.#ready) return;
    const jobs: { id: number; job: Job }[] = [];
    for (const id of ids) {
      const pending = this.#pending.get(id);
      if (!pending) continue;
      pending.attempts += 1;
      jobs.push({ id, job: pending.make() });
    }
    if (jobs.length > 0) post(this.#worker, { jobs });
  }

  #start(): void {
    // Development runs the sources, the package runs what tsc made of them; both lie beside this file.
    const file = import.meta.url.endsWith(".ts") ? "./worker.ts" : "./worker.js";
    const worker = new Worker(new URL(file, import.meta.url), {
      workerData: { path: this.#path, trusted: this.#trusted } satisfies ThreadData,
      resourceLimits: { maxOldGenerationSizeMb: this.#options.maxHeapMb, maxYoungGenerationSizeMb: YOUNG_MB },
      name: "search",
    });
    this.#worker = worker;
    this.#ready = false;
    this.#trusted = false;
    let why: Error = new Error("it ended");
    worker.on("message", (message: FromThread) => {
      if (worker === this.#worker) this.#take(message);
    });
    worker.on("error", (error: Error) => {
      why = error;
    });
    worker.on("exit", () => {
      if (worker === this.#worker) this.#lost(why);
    });
  }

  #take(message: FromThread): void {
    if ("ready" in message) this.#begin(message.ready);
    else if ("emptied" in message) this.#setDocuments([]);
    else for (const result of message.results) this.#settle(result);
    if (this.#pending.size === 0) this.#rest();
  }

  /** The thread works. What was indexed before and is not any more has to be put in anew by those who know it. */
  #begin(documents: [string, string][]): void {
    this.#ready = true;
    const same =
      documents.length === this.#revisions.size &&
      documents.every(([path, revision]) => this.#revisions.get(path) === revision);
    if (!same) this.#setDocuments(documents);
    if (this.#everReady && !same) {
      const lost = new SpecloopError("store_corrupt", `The search index was lost (${this.#path}).`, {
        target: this.#path,
      });
      this.#rejectAll(lost, ({ changes }) => !changes);
    }
    this.#everReady = true;
    this.#opened.resolve();
    for (const id of this.#pending.keys()) this.#send(id);
  }

  #setDocuments(documents: [string, string][]): void {
    this.#revisions.clear();
    for (const [path, revision] of documents) this.#revisions.set(path, revision);
    this.#generation += 1;
  }

  #settle(result: Result): void {
    const pending = this.#pending.get(result.id);
    this.#pending.delete(result.id);
    if (!pending) return;
    if ("error" in result) return pending.reject(asError(result.error, this.#path));
    if (pending.changes) this.#note(pending.make());
    pending.resolve(result.value);
  }

  #note(job: Job): void {
    if (job.op === "remove") for (const path of job.paths) this.#revisions.delete(path);
    if (job.op === "replace" || job.op === "put")
      for (const { path, revision } of job.documents) this.#revisions.set(path, revision);
    this.#generation += 1;
  }

  /** The thread ended on its own. What it had is done once more, unless it ended under that twice. */
  #lost(cause: Error): void {
    const started = this.#ready;
    this.#worker = null;
    this.#ready = false;
    this.#outbox = [];
    const error = new SpecloopError("internal", `The search thread ended: ${cause.message}.`, { cause });
    if (!started) for (const pending of this.#pending.values()) pending.attempts += 1;
    if (!started && !this.#everReady) this.#opened.reject(error);
    this.#rejectAll(error, ({ attempts }) => attempts >= ATTEMPTS);
    if (this.#pending.size > 0 && !this.#disposed) this.#start();
  }

  #rejectAll(error: Error, which: (pending: Pending) => boolean = () => true): void {
    for (const [id, pending] of this.#pending) {
      if (!which(pending)) continue;
      this.#pending.delete(id);
      pending.reject(error);
    }
  }

  #rest(): void {
    this.#worker?.unref();
    clearTimeout(this.#idle);
    if (this.#path === ":memory:") return;
    this.#idle = setTimeout(() => void this.#end(), this.#options.idleMs).unref();
  }

  async #end(): Promise<void> {
    const worker = this.#worker;
    if (!worker) return;
    this.#worker = null;
    const clean = this.#ready;
    this.#ready = false;
    const exited = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
    worker.ref();
    post(worker, { close: true });
    const timer = setTimeout(() => void worker.terminate(), CLOSE_MS);
    await exited;
    clearTimeout(timer);
    this.#trusted = clean;
  }
}
