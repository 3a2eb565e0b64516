import { Worker } from "node:worker_threads";
import { SpecloopError } from "../../foundation/errors.ts";
import { frontMatterRange } from "./front-matter.ts";
import { splitBom } from "./lines.ts";

/** Offsets count from behind a byte order mark; `end` is the end of the text, without its line end. */
export interface ParsedHeading {
  level: number;
  start: number;
  end: number;
}

export interface ParseRequest {
  id: number;
  text: string;
}

export interface ParseAnswer {
  /** 0 tells that the worker is ready. */
  id: number;
  headings: ParsedHeading[];
}

export interface ParserLimits {
  /** UTF-16 units. */
  maxSize: number;
  /** For one document, milliseconds, counted from the moment at which the worker takes it. */
  timeoutMs: number;
  /** The worker ends after so long without work, milliseconds, and starts again when needed. */
  idleMs: number;
  /** Memory of the worker. */
  maxHeapMb: number;
}

const LIMITS: ParserLimits = { maxSize: 1_000_000, timeoutMs: 2000, idleMs: 60_000, maxHeapMb: 256 };

interface Job {
  request: ParseRequest;
  resolve(headings: ParsedHeading[]): void;
  reject(error: Error): void;
}

/**
 * remark in a worker thread, for positions only. remark takes longer than quadratic time on hostile text (40 kB can take
 * 12 s), so a document has a time limit after which the worker is ended: `document_too_complex`. Larger than the size
 * limit: `document_too_large`. The worker starts with the first document and never keeps the process alive by itself.
 */
export class MarkdownParser implements AsyncDisposable {
  readonly #limits: ParserLimits;
  readonly #waiting: Job[] = [];
  #worker: Worker | null = null;
  #ready = false;
  #current: Job | null = null;
  #timer: NodeJS.Timeout | undefined;
  #disposed = false;
  #lastId = 0;

  constructor(limits: Partial<ParserLimits> = {}) {
    this.#limits = { ...LIMITS, ...limits };
  }

  /** Headings of the document itself (none in lists, quotes or front matter), in order. */
  async headings(text: string, path: string): Promise<ParsedHeading[]> {
    const { rest } = splitBom(text);
    if (rest.length > this.#limits.maxSize) {
      throw new SpecloopError("document_too_large", `${path} has more than ${this.#limits.maxSize} characters.`, {
        target: path,
      });
    }
    const from = frontMatterRange(rest)?.bodyStart ?? 0;
    const headings = await this.#parse(rest.slice(from), path);
    return headings.map(({ level, start, end }) => ({ level, start: start + from, end: end + from }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    const worker = this.#worker;
    this.#drop(new SpecloopError("cancelled", "The parser was closed."));
    for (const job of this.#waiting.splice(0)) job.reject(new SpecloopError("cancelled", "The parser was closed."));
    await worker?.terminate();
  }

  #parse(text: string, path: string): Promise<ParsedHeading[]> {
    if (this.#disposed) return Promise.reject(new SpecloopError("cancelled", "The parser is closed."));
    const { promise, resolve, reject } = Promise.withResolvers<ParsedHeading[]>();
    const explain = (error: Error) => reject(error instanceof SpecloopError ? error : tooComplex(path, error));
    this.#lastId += 1;
    this.#waiting.push({ request: { id: this.#lastId, text }, resolve, reject: explain });
    this.#next();
    return promise;
  }

  #next(): void {
    if (this.#current) return;
    const job = this.#waiting[0];
    if (!job) return this.#rest();
    clearTimeout(this.#timer);
    this.#worker ??= this.#start();
    this.#worker.ref();
    if (!this.#ready) return;
    this.#waiting.shift();
    this.#current = job;
    this.#worker.postMessage(job.request, []);
    this.#timer = setTimeout(
      () => this.#drop(new Error(`it took longer than ${this.#limits.timeoutMs} ms`)),
      this.#limits.timeoutMs,
    );
  }

  #rest(): void {
    this.#worker?.unref();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#drop(new Error("idle")), this.#limits.idleMs).unref();
  }

  #start(): Worker {
    // Development runs the sources, the package runs what tsc made of them; both lie beside this file.
    const file = import.meta.url.endsWith(".ts") ? "./parser-worker.ts" : "./parser-worker.js";
    const worker = new Worker(new URL(file, import.meta.url), {
      resourceLimits: { maxOldGenerationSizeMb: this.#limits.maxHeapMb },
      name: "markdown-parser",
    });
    this.#ready = false;
    worker.on("message", (answer: ParseAnswer) => this.#take(worker, answer));
    worker.on("error", (error: Error) => {
      if (worker === this.#worker) this.#fail(error);
    });
    return worker;
  }

  #take(worker: Worker, answer: ParseAnswer): void {
    if (worker !== this.#worker) return;
    if (answer.id === 0) this.#ready = true;
    else if (answer.id === this.#current?.request.id) {
      const job = this.#current;
      this.#current = null;
      clearTimeout(this.#timer);
      job.resolve(answer.headings);
    }
    this.#next();
  }

  /** A worker that cannot even start fails what waits, because the next one would fail as well. */
  #fail(error: Error): void {
    if (!this.#ready) {
      const why = new SpecloopError("internal", `The markdown parser could not start: ${error.message}`, {
        cause: error,
      });
      for (const job of this.#waiting.splice(0)) job.reject(why);
    }
    this.#drop(error);
  }

  /** Ends the worker; the job that it had fails with `why`, the next one gets a new worker. */
  #drop(why: Error): void {
    clearTimeout(this.#timer);
    const job = this.#current;
    this.#current = null;
    void this.#worker?.terminate();
    this.#worker = null;
    this.#ready = false;
    job?.reject(why);
    if (this.#waiting.length > 0 && !this.#disposed) this.#next();
  }
}

function tooComplex(path: string, cause: Error): SpecloopError {
  return new SpecloopError("document_too_complex", `${path} could not be parsed: ${cause.message}.`, {
    target: path,
    cause,
  });
}
