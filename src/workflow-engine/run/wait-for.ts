import type { Clock } from "../../foundation/clock.ts";
import type { RunState } from "./state.ts";
import type { Waiters } from "./waiters.ts";

interface Waiting {
  runId: string;
  /** Milliseconds that are waited at most. */
  ms: number;
  signals: AbortSignal[];
  waiters: Waiters;
  clock: Clock;
  state(): Promise<RunState>;
}

/** Resolves as soon as a run does not go on by itself (it ended, waits or is paused), or when the time is over. */
export async function waitForRest({ runId, ms, signals, waiters, clock, state }: Waiting): Promise<void> {
  const over = new AbortController();
  const ends = AbortSignal.any([over.signal, ...signals]);
  let waited = false;
  const limit = clock
    .sleep(ms, ends)
    .catch(() => {})
    .then(() => void (waited = true));
  try {
    for (;;) {
      const moved = waiters.next(runId);
      try {
        const now = await state();
        if (waited || !["running", "cancelling", "undoing"].includes(now)) return;
        await Promise.race([moved.promise, limit]);
      } finally {
        moved.cancel();
      }
    }
  } finally {
    over.abort();
  }
}
