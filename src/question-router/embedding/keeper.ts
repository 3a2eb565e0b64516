import type { Clock } from "../../foundation/clock.ts";
import type { Logger } from "../../foundation/logger.ts";
import type { DocumentSearch } from "../search/port.ts";
import type { LlmEmbedder } from "./llm-embedder.ts";

/** Passages embedded by one call: few, so that a question that comes in between waits for few. */
const BATCH = 16;
/** Pause after each batch, in which questions have the model to themselves. */
const PAUSE_MS = 5;
/** A server that keeps changing its model makes what was done void again and again: then it has to be asked for anew. */
const MAX_MODELS = 3;

interface Dependencies {
  index: DocumentSearch;
  embedder: LlmEmbedder;
  clock: Clock;
  logger: Logger;
}

/**
 * Sees to it that every passage has a vector, in the background: begins with the first question that words alone do not
 * answer, and from then on follows every change of the documents. Only passages whose headings or text changed are
 * embedded again.
 */
export class VectorKeeper {
  readonly #deps: Dependencies;
  readonly #life = new AbortController();
  #running: Promise<void> | null = null;
  #again = false;
  /** State of the index and model for which nothing was missing. */
  #complete = "";
  /** That embedded since it began. */
  readonly #models = new Set<string>();
  /** Whether there are vectors; null until it was looked up. */
  #used: boolean | null = null;

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies;
  }

  /** Whether looking by meaning can find anything. */
  async hasVectors(): Promise<boolean> {
    this.#used ??= (await this.#deps.index.embeddedBy()) !== null;
    return this.#used;
  }

  /** Embeds what is missing; nothing when that is being done. */
  wake(): void {
    if (this.#complete === this.#state()) return;
    this.#again = true;
    this.#running ??= this.#run().finally(() => {
      this.#running = null;
    });
  }

  /** After documents changed: goes on only where vectors are used at all. */
  async follow(): Promise<void> {
    if (await this.hasVectors()) this.wake();
  }

  /** Resolves when nothing is being embedded. */
  async settled(): Promise<void> {
    await this.#running;
  }

  async stop(): Promise<void> {
    this.#life.abort();
    await this.#running;
  }

  #state(): string {
    const { index, embedder } = this.#deps;
    return `${index.generation} ${embedder.model}`;
  }

  async #run(): Promise<void> {
    const { clock, logger } = this.#deps;
    try {
      while (this.#again && !this.#life.signal.aborted) {
        this.#again = false;
        this.#models.clear();
        while (await this.#embedSome()) await clock.sleep(PAUSE_MS, this.#life.signal);
      }
    } catch (error) {
      if (!this.#life.signal.aborted) logger.warn({ err: error }, "passages could not be embedded");
    }
  }

  /** Whether there may be more to do. */
  async #embedSome(): Promise<boolean> {
    const { index, embedder } = this.#deps;
    const wanted = embedder.model ?? (await index.embeddedBy()) ?? "";
    const missing = await index.unembedded(wanted, BATCH);
    if (missing.length === 0) {
      this.#complete = this.#state();
      return false;
    }
    const embedded = await embedder.passages(
      missing.map(({ text }) => text),
      this.#life.signal,
    );
    if (!embedded) return false;
    const vectors = missing.map(({ hash }, at) => ({ hash, vector: embedded.vectors[at]! }));
    await index.putVectors(embedded.model, vectors);
    this.#used = true;
    this.#models.add(embedded.model);
    return this.#models.size < MAX_MODELS;
  }
}
