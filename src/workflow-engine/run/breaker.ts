import type { FailureKind } from "../plan.ts";

/** Failures in a row that open a breaker. */
const THRESHOLD = 5;
/** How long it stays open, milliseconds: the first time, and at most. */
const OPEN_MS = [30_000, 300_000] as const;
/** Failures that say something about the target and not about the work. */
const COUNTED: ReadonlySet<FailureKind> = new Set(["timeout", "overload", "unavailable"]);

interface State {
  failures: number;
  openUntil: number;
  openMs: number;
  probing: boolean;
}

/**
 * Circuit breakers by node type and target. Open: attempts are put off without being made or counted. After a while one
 * is let through; if it fails, the next pause is twice as long. Kept in memory: a restart tries anew.
 */
export class Breakers {
  readonly #states = new Map<string, State>();

  /** Until when (monotonic milliseconds) an attempt is to be put off; null when it may be made. */
  blockedUntil(target: string, now: number): number | null {
    const state = this.#states.get(target);
    if (!state || state.failures < THRESHOLD) return null;
    if (now < state.openUntil) return state.openUntil;
    if (state.probing) return now + OPEN_MS[0];
    state.probing = true;
    return null;
  }

  /** How an attempt ended; null: well. */
  record(target: string, failure: FailureKind | null, now: number): void {
    if (failure === null || !COUNTED.has(failure)) return void this.#states.delete(target);
    const state = this.#states.get(target) ?? { failures: 0, openUntil: 0, openMs: OPEN_MS[0], probing: false };
    state.failures += 1;
    if (state.failures >= THRESHOLD) {
      if (state.failures > THRESHOLD) state.openMs = Math.min(state.openMs * 2, OPEN_MS[1]);
      state.openUntil = now + state.openMs;
    }
    state.probing = false;
    this.#states.set(target, state);
  }

  /** An attempt that ended neither well nor badly. */
  release(target: string): void {
    const state = this.#states.get(target);
    if (state) state.probing = false;
  }
}
