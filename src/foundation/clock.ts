/** Time as the rooms see it; tests hand in one that they move by hand. */
export interface Clock {
  /** Wall clock, epoch milliseconds: for people and rows, never for order or deadlines. */
  now(): number;
  /** Milliseconds that only grow, also when the wall clock jumps: for deadlines and durations. */
  monotonic(): number;
  /** Resolves after `ms` milliseconds; rejects with the signal's reason when it is aborted first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  // Not the one of node:timers/promises, which makes an error with a stack for every sleep that is ended early: of all
  // deadlines that are set, hardly any is reached.
  sleep: (ms, signal) => {
    if (signal?.aborted) return Promise.reject(signal.reason as Error);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const end = () => {
      clearTimeout(timer);
      reject(signal!.reason as Error);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", end);
      resolve();
    }, ms);
    signal?.addEventListener("abort", end, { once: true });
    return promise;
  },
};
