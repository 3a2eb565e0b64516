import { setTimeout as wait } from "node:timers/promises";

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
  sleep: async (ms, signal) => {
    try {
      await wait(ms, undefined, signal ? { signal } : {});
    } catch (cause) {
      throw signal?.aborted ? signal.reason : cause;
    }
  },
};
