import { setImmediate } from "node:timers/promises";
import type { Clock } from "../foundation/clock.ts";

/** How long searches may follow each other before commits, sockets and timers get their turn. */
const TURN_MS = 5;

/**
 * Lets work in one after another, first come first served, and gives the event loop its turn in between. Without it a
 * burst of questions runs in one turn: nobody is answered before the last has been searched for.
 */
export class Turnstile {
  readonly #clock: Clock;
  #last: Promise<void> = Promise.resolve();
  #turnBegan = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#last;
    const { promise, resolve: leave } = Promise.withResolvers<void>();
    this.#last = promise;
    await before;
    try {
      if (this.#clock.monotonic() - this.#turnBegan > TURN_MS) {
        await setImmediate();
        this.#turnBegan = this.#clock.monotonic();
      }
      return await work();
    } finally {
      leave();
    }
  }
}
