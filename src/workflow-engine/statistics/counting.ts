import type { Store } from "../../adapters/store/index.ts";
import type { EventBus } from "../../foundation/events.ts";
import { toSpecloopError } from "../../foundation/errors.ts";
import type { Logger } from "../../foundation/logger.ts";
import type { Service } from "../../foundation/service.ts";
import type { WorkflowTables } from "../tables.ts";
import { foldRuns, uncounted } from "./fold.ts";

/** Runs that end at about the same time are counted together, beside the work of those that go on. */
const APART_MS = 200;
/** Runs in one transaction: others write in between. */
const RUNS = 20;
const FOUND = 500;

interface CountingParts {
  store: Store<WorkflowTables>;
  events: EventBus;
  dayAt: (at: number) => string;
  logger: Logger;
}

/**
 * Counts runs into the statistics when they have ended. What ended just before the process did is found at the next start.
 */
export class Counting implements Service {
  readonly name = "workflow-statistics";
  readonly #parts: CountingParts;
  readonly #ended = new Set<string>();
  readonly #listeners = new DisposableStack();
  #timer: NodeJS.Timeout | null = null;
  #busy: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(parts: CountingParts) {
    this.#parts = parts;
  }

  async start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#listeners.use(this.#parts.events.on("run.ended", ({ runId }) => this.#note(runId)));
    this.#busy = this.#catchUp();
  }

  /** Resolves when everything that has ended here so far is counted. */
  async settled(): Promise<void> {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    this.#busy = this.#busy.then(async () => void (await this.#count()));
    await this.#busy;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    this.#listeners.dispose();
    if (this.#timer) clearTimeout(this.#timer);
    await this.#busy;
  }

  #note(runId: string): void {
    this.#ended.add(runId);
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#busy = this.#busy.then(async () => void (await this.#count()));
    }, APART_MS).unref();
  }

  async #catchUp(): Promise<void> {
    try {
      for (;;) {
        const found = await uncounted(this.#parts.store.read, FOUND);
        for (const id of found) this.#ended.add(id);
        if (found.length === 0 || !(await this.#count())) return;
      }
    } catch (error) {
      this.#failed(error);
    }
  }

  /** False when something could not be counted; it is found again at the next start, or with the next run that ends. */
  async #count(): Promise<boolean> {
    while (this.#ended.size > 0 && !this.#stopped) {
      const some = [...this.#ended].slice(0, RUNS);
      try {
        await this.#parts.store.write(async (tx) => {
          await foldRuns(tx, some, this.#parts.dayAt);
        });
        for (const id of some) this.#ended.delete(id);
      } catch (error) {
        this.#failed(error);
        return false;
      }
    }
    return !this.#stopped;
  }

  #failed(error: unknown): void {
    if (this.#stopped || toSpecloopError(error).code === "daemon_stopping") return;
    this.#parts.logger.error({ err: error }, "runs could not be counted into the statistics and are counted later");
  }
}
