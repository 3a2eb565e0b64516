import { setImmediate } from "node:timers/promises";
import type { Clock } from "../foundation/clock.ts";

/** How long questions may begin one after the other before commits, sockets and timers get their turn. */
const TURN_MS = 5;

/**
 * Lets questions begin in the order in which they came, and gives the event loop its turn in between: of a thousand that
 * come at once, the first are written and answered before the last has begun.
 */
export class Turns {
  readonly #clock: Clock;
  #last: Promise<void> = Promise.resolve();
  #began = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async next(): Promise<void> {
    const before = this.#last;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#last = promise;
    await before;
    if (this.#clock.monotonic() - this.#began > TURN_MS) {
      await setImmediate();
      this.#began = this.#clock.monotonic();
    }
    resolve();
  }
}
