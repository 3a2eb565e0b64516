import { setImmediate } from "node:timers/promises";

/**
 * Lets so many pieces of work in at a time, first come first served, and gives the event loop its turn in between: in a
 * burst those who came first are answered first, instead of all at the end.
 */
export class Turnstile {
  readonly #waiting: (() => void)[] = [];
  #free: number;

  constructor(slots: number) {
    this.#free = slots;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      void this.#leave();
    }
  }

  /** Hands the slot to who waits longest. */
  async #leave(): Promise<void> {
    if (this.#waiting.length > 0) await setImmediate();
    const next = this.#waiting.shift();
    if (next) next();
    else this.#free += 1;
  }
}
