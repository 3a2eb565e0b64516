import type { Clock } from "../../foundation/clock.ts";

/** A computer that slept counts no milliseconds meanwhile, so a long wait looks at the wall clock now and then. */
const LONGEST_MS = 60_000;

/** Rings once at the earliest time that it was told; nothing is read while it waits. */
export class Alarm {
  readonly #clock: Clock;
  readonly #ring: () => void;
  #at: number | null = null;
  #stop: AbortController | null = null;

  constructor(clock: Clock, ring: () => void) {
    this.#clock = clock;
    this.#ring = ring;
  }

  /** Epoch milliseconds. */
  setFor(at: number): void {
    if (this.#at !== null && this.#at <= at) return;
    this.#at = at;
    this.#stop?.abort();
    this.#stop = new AbortController();
    void this.#wait(this.#stop.signal);
  }

  clear(): void {
    this.#at = null;
    this.#stop?.abort();
    this.#stop = null;
  }

  async #wait(signal: AbortSignal): Promise<void> {
    try {
      for (;;) {
        const left = (this.#at ?? 0) - this.#clock.now();
        if (left <= 0) break;
        await this.#clock.sleep(Math.min(left, LONGEST_MS), signal);
      }
    } catch {
      return;
    }
    if (signal.aborted) return;
    this.clear();
    this.#ring();
  }
}
