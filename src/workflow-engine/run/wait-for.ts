import type { Clock } from "../../foundation/clock.ts";
import type { RunSnapshot } from "./draft.ts";
import type { Waiters } from "./waiters.ts";

interface Waiting {
  runId: string;
  /** Milliseconds that are waited at most. */
  ms: number;
  signals: AbortSignal[];
  waiters: Waiters;
  clock: Clock;
  look: () => Promise<RunSnapshot>;
}

/** Resolves as soon as a run does not go on by itself (it ended, waits or is paused), or when the time is over. */
export async function waitForRest({ runId, ms, signals, waiters, clock, look }: Waiting): Promise<void> {
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
        const now = await look();
        if (waited || rests(now)) return;
        await Promise.race([moved.promise, limit]);
      } finally {
        moved.cancel();
      }
    }
  } finally {
    over.abort();
  }
}

/** Whether nothing happens in it by itself; while it is undone a node may be `unknown`, and waits for a person. */
function rests({ run, nodes }: RunSnapshot): boolean {
  if (run.state !== "undoing") return run.state !== "running" && run.state !== "cancelling";
  return [...nodes.values()].some(({ status }) => status === "unknown");
}
