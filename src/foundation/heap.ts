import type { Clock } from "./clock.ts";
import type { EventBus } from "./events.ts";
import type { Service } from "./service.ts";

/** Sets a flag of V8, such as `--optimize-for-size`. */
export type SetFlag = (flag: string) => void;

/** So many calls within a second are work for which it pays to be fast. */
const BUSY_CALLS = 20;
const SECOND_MS = 1000;
/** How long it has to be quiet before memory counts more than time again. */
const QUIET_MS = 5000;

const SMALL = "--optimize-for-size";
const FAST = "--no-optimize-for-size";

/**
 * For the start of a daemon, which needs much that is of no use afterwards: a young generation that stays small, and an old
 * one that is collected early and compacted (docs/limits.md).
 */
export function keepHeapSmall(set: SetFlag): void {
  for (const flag of ["--semi-space-growth-factor=1", SMALL]) set(flag);
}

/**
 * A daemon idles most of the time, and then its heap is kept small. That doubles the processor time of a call, so it is not
 * done while calls come in numbers. Without calls there is no timer.
 */
export class Heap implements Service {
  readonly name = "heap";
  readonly #parts: { events: EventBus; clock: Clock; set: SetFlag };
  readonly #listening = new DisposableStack();
  readonly #life = new AbortController();
  #second = Number.NEGATIVE_INFINITY;
  #calls = 0;
  #last = 0;
  #busy = false;

  constructor(parts: { events: EventBus; clock: Clock; set: SetFlag }) {
    this.#parts = parts;
  }

  async start(): Promise<void> {
    this.#listening.use(this.#parts.events.on("tool.called", () => this.#count()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listening.dispose();
    this.#life.abort();
  }

  #count(): void {
    const now = this.#parts.clock.monotonic();
    this.#last = now;
    if (this.#busy) return;
    if (now - this.#second > SECOND_MS) {
      this.#second = now;
      this.#calls = 0;
    }
    this.#calls += 1;
    if (this.#calls >= BUSY_CALLS) void this.#untilQuiet();
  }

  async #untilQuiet(): Promise<void> {
    const { clock, set } = this.#parts;
    this.#busy = true;
    this.#calls = 0;
    set(FAST);
    for (let left = QUIET_MS; left > 0; left = this.#last + QUIET_MS - clock.monotonic()) {
      try {
        await clock.sleep(left, this.#life.signal);
      } catch {
        // The daemon stops: nothing is worth a change any more.
        return;
      }
    }
    this.#busy = false;
    set(SMALL);
  }
}
