import type { Clock } from "../../src/foundation/clock.ts";

/** A clock that stands still until it is moved. */
export class ManualClock implements Clock {
  #now = 1_800_000_000_000;
  readonly #sleepers = new Set<{ at: number; wake: () => void }>();

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#now;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (ms <= 0) return new Promise((done) => setImmediate(done));
    const sleeper = { at: this.#now + ms, wake: resolve };
    this.#sleepers.add(sleeper);
    signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
    return promise.finally(() => this.#sleepers.delete(sleeper));
  }

  advance(ms: number): void {
    this.#now += ms;
    for (const sleeper of this.#sleepers) if (sleeper.at <= this.#now) sleeper.wake();
  }
}
