import { SpecloopError } from "../../foundation/errors.ts";
import { untilAborted } from "./watchdog.ts";

/** Calls that may wait; more mean that something is wrong with the callers. */
const MAX_WAITING = 1000;

/** Lets at most `limit()` calls run at a time, the others wait in order. */
export class CallQueue {
  readonly #limit: () => number;
  readonly #waiting = new Set<() => void>();
  #running = 0;

  constructor(limit: () => number) {
    this.#limit = limit;
  }

  /** Runs `work` when it is its turn; rejects with the signal's reason when that comes first, and then never runs it. */
  async run<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    await this.#enter(signal);
    try {
      signal.throwIfAborted();
      return await work();
    } finally {
      this.#running -= 1;
      this.#grant();
    }
  }

  async #enter(signal: AbortSignal): Promise<void> {
    if (this.#waiting.size >= MAX_WAITING) {
      throw new SpecloopError("llm_overloaded", `${MAX_WAITING} calls to the model are waiting already.`);
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.add(resolve);
    this.#grant();
    try {
      await untilAborted(promise, signal);
    } catch (reason) {
      const granted = !this.#waiting.delete(resolve);
      if (granted) this.#running -= 1;
      this.#grant();
      throw reason;
    }
  }

  /** The place is taken here, not when the waiting call wakes up, so that nobody slips in between. */
  #grant(): void {
    for (const first of this.#waiting) {
      if (this.#running >= this.#limit()) return;
      this.#waiting.delete(first);
      this.#running += 1;
      first();
    }
  }
}
