import type { Clock } from "../foundation/clock.ts";

/**
 * Waits for `work` at most `ms` milliseconds and no longer than the caller does: its value, `undefined` when time is up
 * first; rejects with the signal's reason when the caller goes away. The work itself goes on.
 */
export async function within<T>(
  clock: Clock,
  ms: number,
  work: Promise<T>,
  signal?: AbortSignal,
): Promise<T | undefined> {
  signal?.throwIfAborted();
  const over = new AbortController();
  const stop = signal ? AbortSignal.any([signal, over.signal]) : over.signal;
  const time = clock.sleep(ms, stop).then(
    () => undefined,
    (error: unknown) => {
      if (signal?.aborted) throw error;
      return undefined;
    },
  );
  try {
    return await Promise.race([work, time]);
  } finally {
    over.abort();
  }
}

/** The longest time that a timer can be set to; Node fires longer ones at once. */
const MAX_TIMER_MS = 2_147_483_647;

/** A signal that fires after `ms` (never where that is longer than a timer runs: 24 days) or with `signal`, whichever comes first; disposal ends the waiting. */
export function timeoutSignal(clock: Clock, ms: number, signal: AbortSignal): { signal: AbortSignal } & Disposable {
  const over = new AbortController();
  const done = new AbortController();
  void clock.sleep(Math.min(ms, MAX_TIMER_MS), done.signal).then(
    () => ms <= MAX_TIMER_MS && over.abort(new DOMException(`not within ${ms} ms`, "TimeoutError")),
    () => {},
  );
  return { signal: AbortSignal.any([signal, over.signal]), [Symbol.dispose]: () => done.abort() };
}
