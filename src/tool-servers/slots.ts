import { SpecloopError } from "../foundation/errors.ts";

/** For each call at the same time so many may wait. */
const WAITING_PER_SLOT = 8;

/** So many calls at a time; a bounded number waits its turn. */
export class Slots {
  readonly #server: string;
  #busy = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(server: string) {
    this.#server = server;
  }

  get busy(): number {
    return this.#busy;
  }

  /** A turn, which ends with its disposal. Throws `tool_unavailable` when too many wait; rejects with the signal's reason. */
  async take(slots: number, signal: AbortSignal): Promise<Disposable> {
    signal.throwIfAborted();
    if (this.#busy >= slots) {
      if (this.#waiting.length >= slots * WAITING_PER_SLOT) {
        throw new SpecloopError(
          "tool_unavailable",
          `The server ${this.#server} is busy: ${this.#waiting.length} wait.`,
          {
            target: this.#server,
            fix: "Wait, then call again.",
          },
        );
      }
      await this.#turn(signal);
    } else this.#busy += 1;
    let done = false;
    return {
      [Symbol.dispose]: () => {
        if (!done) this.#release();
        done = true;
      },
    };
  }

  /** Who gives a turn up hands it to the next, so `busy` stays. */
  #release(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#busy -= 1;
  }

  #turn(signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const go = () => {
      signal.removeEventListener("abort", leave);
      resolve();
    };
    const leave = () => {
      this.#waiting.splice(this.#waiting.indexOf(go), 1);
      reject(signal.reason as Error);
    };
    this.#waiting.push(go);
    signal.addEventListener("abort", leave, { once: true });
    return promise;
  }
}
