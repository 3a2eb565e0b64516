import type { Llm } from "../../adapters/llm/index.ts";
import type { Clock } from "../../foundation/clock.ts";
import type { EventBus } from "../../foundation/events.ts";
import type { Logger } from "../../foundation/logger.ts";
import type { Live } from "../../foundation/options.ts";
import type { Corpus } from "../corpus.ts";
import type { Embedder } from "../embedder.ts";
import type { QuestionOptions } from "../options.ts";
import type { DocumentSearch, SearchQuery } from "../search/port.ts";
import { VectorKeeper } from "./keeper.ts";
import { LlmEmbedder } from "./llm-embedder.ts";

interface Dependencies {
  llm: Llm;
  index: DocumentSearch;
  corpus: Corpus;
  options: Live<QuestionOptions>;
  events: EventBus;
  clock: Clock;
  logger: Logger;
}

/** Finding by meaning: vectors of passages, kept up in the background, and of questions, in time or not at all. */
export class Embedding implements AsyncDisposable {
  readonly #embedder: LlmEmbedder;
  readonly #keeper: VectorKeeper;
  readonly #deps: Dependencies;
  readonly #subscriptions = new DisposableStack();

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies;
    this.#embedder = new LlmEmbedder(dependencies);
    this.#keeper = new VectorKeeper({ ...dependencies, embedder: this.#embedder });
  }

  get embedder(): Embedder {
    return this.#embedder;
  }

  /** Follows the documents from now on. Asks nobody for vectors as long as none were needed. */
  start(): void {
    const { events } = this.#deps;
    const follow = () => void this.#follow();
    follow();
    this.#subscriptions.use(events.on("watch.settled", follow));
    this.#subscriptions.use(events.on("document.updated", follow));
  }

  /** What a question means, when the passages have vectors of the same model and it can be had in time. */
  async meaningOf(text: string, signal: AbortSignal): Promise<SearchQuery["meaning"] | null> {
    if (!this.#deps.options.current.embeddings.enabled) return null;
    if (!(await this.#keeper.hasVectors())) {
      this.#keeper.wake();
      return null;
    }
    const [vector] = (await this.#embedder.vectors([text], signal)) ?? [];
    const { model } = this.#embedder;
    this.#keeper.wake();
    return vector && model !== null ? { model, vector } : null;
  }

  /** Resolves when every passage that was indexed so far has its vector, or cannot get it now. */
  async settled(): Promise<void> {
    await this.#deps.corpus.settled();
    await this.#keeper.settled();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#subscriptions.dispose();
    this.#embedder.stop();
    await this.#keeper.stop();
  }

  async #follow(): Promise<void> {
    const { corpus, logger } = this.#deps;
    try {
      await corpus.settled();
      await this.#keeper.follow();
    } catch (error) {
      logger.warn({ err: error }, "changed passages could not be embedded");
    }
  }
}
