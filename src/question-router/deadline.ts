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
  const nothing = () => undefined;
  const time = clock.sleep(ms, over.signal).then(nothing, nothing);
  const gone = Promise.withResolvers<never>();
  const leave = () => gone.reject(signal?.reason);
  signal?.addEventListener("abort", leave, { once: true });
  try {
    return await Promise.race([work, time, gone.promise]);
  } finally {
    signal?.removeEventListener("abort", leave);
    over.abort(ENDED);
  }
}

/** Nobody sees it; without a reason of its own every `abort()` makes an error with a stack. */
const ENDED = "the waiting ended";
/** The longest time that a timer can be set to; Node fires longer ones at once. */
const MAX_TIMER_MS = 2_147_483_647;

/** A signal that fires after `ms` (never where that is longer than a timer runs: 24 days) or with `signal`, whichever comes first; disposal ends the waiting. */
export function timeoutSignal(clock: Clock, ms: number, signal: AbortSignal): { signal: AbortSignal } & Disposable {
  const over = new AbortController();
  const done = new AbortController();
  const follow = () => over.abort(signal.reason);
  if (signal.aborted) follow();
  signal.addEventListener("abort", follow, { once: true });
  void clock.sleep(Math.min(ms, MAX_TIMER_MS), done.signal).then(
    () => ms <= MAX_TIMER_MS && over.abort(new DOMException(`not within ${ms} ms`, "TimeoutError")),
    () => {},
  );
  return {
    signal: over.signal,
    [Symbol.dispose]: () => {
      signal.removeEventListener("abort", follow);
      done.abort(ENDED);
    },
  };
}
