import { LRUCache } from "lru-cache";
import type { Llm } from "../../adapters/llm/index.ts";
import type { Clock } from "../../foundation/clock.ts";
import type { Logger } from "../../foundation/logger.ts";
import type { Live } from "../../foundation/options.ts";
import { timeoutSignal, within } from "../deadline.ts";
import type { Embedder } from "../embedder.ts";
import type { QuestionOptions } from "../options.ts";
import { prefixed, type Role } from "./prefixes.ts";
import { unitVectors } from "./vectors.ts";

/** How long everybody goes by words alone after a call failed or was late again and again. */
const REST_MS = 30_000;
const LATE_IN_A_ROW = 3;
/** A call that takes longer is ended, whoever waits for it. */
const CALL_MS = 30_000;
/** What is asked while a call is on its way goes into the next one together. */
const MAX_TOGETHER = 64;
/** Vectors of questions kept, 3 KB each for 768 numbers. */
const MAX_QUESTIONS = 1000;
/** A passage is cut here, because servers cut silently what is longer than the model reads. */
const MAX_CHARACTERS = 2000;

export interface Embedded {
  /** With the length of its vectors, so that a model that changes them is another one. */
  model: string;
  vectors: Float32Array[];
}

interface Dependencies {
  llm: Llm;
  options: Live<QuestionOptions>;
  clock: Clock;
  logger: Logger;
}

interface Waiting {
  text: string;
  resolve(vector: Float32Array | null): void;
}

/**
 * Vectors by whatever embedding model the model server has loaded. Nothing is asked of it before somebody needs a
 * vector; while it is away, slow or talks nonsense there are none, and nobody waits.
 */
export class LlmEmbedder implements Embedder {
  readonly #deps: Dependencies;
  readonly #questions = new LRUCache<string, Float32Array>({ max: MAX_QUESTIONS });
  readonly #life = new AbortController();
  #model: string | null = null;
  #serverModel: string | null = null;
  #restUntil = Number.NEGATIVE_INFINITY;
  #late = 0;
  #waiting: Waiting[] = [];
  #asking = false;

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies;
  }

  get model(): string | null {
    return this.#model;
  }

  async vectors(texts: string[], signal: AbortSignal): Promise<Float32Array[] | null> {
    signal.throwIfAborted();
    const vectors = await Promise.all(texts.map((text) => this.#question(text)));
    signal.throwIfAborted();
    const found = vectors.filter((vector) => vector !== null);
    return found.length === texts.length ? found : null;
  }

  /** Vectors of passages, for whom nobody waits; null when there are none to be had. */
  async passages(texts: string[], signal: AbortSignal): Promise<Embedded | null> {
    return this.#resting() ? null : this.#embed(texts, "passage", signal);
  }

  stop(): void {
    this.#life.abort();
  }

  #resting(): boolean {
    const { options, clock } = this.#deps;
    return !options.current.embeddings.enabled || clock.monotonic() < this.#restUntil || this.#life.signal.aborted;
  }

  async #question(text: string): Promise<Float32Array | null> {
    const known = this.#questions.get(text);
    if (known) return known;
    if (this.#resting()) return null;
    const { clock, options } = this.#deps;
    const { promise, resolve } = Promise.withResolvers<Float32Array | null>();
    this.#waiting.push({ text, resolve });
    void this.#askWaiting();
    const vector = await within(clock, options.current.embeddings.deadlineMs, promise);
    if (vector === undefined) this.#wasLate();
    else if (vector) this.#late = 0;
    return vector ?? null;
  }

  /** Several deadlines passed in a row: the next askers need not wait for theirs. */
  #wasLate(): void {
    this.#late += 1;
    if (this.#late >= LATE_IN_A_ROW) this.#rest("the embedding model is too slow for questions");
  }

  async #askWaiting(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    try {
      // Everybody who asks in the same turn shares a call.
      await Promise.resolve();
      while (this.#waiting.length > 0) {
        const batch = this.#waiting.splice(0, MAX_TOGETHER);
        const embedded = await this.#embed(
          batch.map(({ text }) => text),
          "question",
          this.#life.signal,
        );
        for (const [at, waiting] of batch.entries()) {
          const vector = embedded?.vectors[at] ?? null;
          if (vector) this.#questions.set(waiting.text, vector);
          waiting.resolve(vector);
        }
      }
    } finally {
      this.#asking = false;
    }
  }

  async #embed(texts: string[], role: Role, signal: AbortSignal): Promise<Embedded | null> {
    const { llm, clock } = this.#deps;
    using deadline = timeoutSignal(clock, CALL_MS, AbortSignal.any([signal, this.#life.signal]));
    try {
      const prepared = texts.map((text) => prefixed(this.#serverModel, role, text).slice(0, MAX_CHARACTERS));
      const { model, vectors } = await llm.embed(prepared, deadline.signal);
      const units = unitVectors(vectors, texts.length);
      const before = this.#serverModel;
      this.#use(model ?? "unknown", units[0]?.length ?? 0);
      // The words before a text belong to the model: what was asked of another one is asked anew.
      if (before !== this.#serverModel && prefixed(model, role, "") !== prefixed(before, role, ""))
        return await this.#embed(texts, role, signal);
      return { model: this.#model!, vectors: units };
    } catch (error) {
      if (!signal.aborted && !this.#life.signal.aborted) this.#rest("no vectors could be had", error);
      return null;
    }
  }

  #use(serverModel: string, dimensions: number): void {
    const model = `${serverModel} (${dimensions})`;
    if (model !== this.#model) this.#questions.clear();
    this.#model = model;
    this.#serverModel = serverModel;
  }

  #rest(why: string, error?: unknown): void {
    this.#deps.logger.debug({ err: error, why }, "questions go by their words alone for a while");
    this.#restUntil = this.#deps.clock.monotonic() + REST_MS;
    this.#late = 0;
    this.#model = null;
    for (const waiting of this.#waiting.splice(0)) waiting.resolve(null);
  }
}
