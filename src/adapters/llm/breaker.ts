import type { Clock } from "../../foundation/clock.ts";
import { SpecloopError, type ErrorCode } from "../../foundation/errors.ts";

const FAILURES_TO_OPEN = 3;
const FIRST_PAUSE_MS = 5000;
const LONGEST_PAUSE_MS = 60_000;
/** Errors that say something about the server, not about the call. */
const TRANSPORT: ErrorCode[] = ["llm_unreachable", "llm_interrupted"];

/**
 * Spares a dead server and those who wait for it: after three transport failures in a row calls fail at once, until one
 * call may try again after 5 s, 10 s … 60 s.
 */
export class CircuitBreaker {
  readonly #clock: Clock;
  #failures = 0;
  #openUntil = 0;
  #pause = FIRST_PAUSE_MS;
  #trying = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Throws `llm_unreachable` while the circuit is open; otherwise the call must be reported to `ended`. */
  enter(): void {
    if (this.#failures < FAILURES_TO_OPEN) return;
    const wait = this.#openUntil - this.#clock.monotonic();
    if (wait > 0 || this.#trying) {
      throw new SpecloopError(
        "llm_unreachable",
        `The model server failed ${this.#failures} times in a row and is left alone for now.`,
        {
          details: { retryInMs: Math.max(0, Math.round(wait)) },
        },
      );
    }
    this.#trying = true;
  }

  /** What came of a call that `enter` let through; null for success. */
  ended(code: ErrorCode | null): void {
    this.#trying = false;
    if (code !== null && TRANSPORT.includes(code)) return this.#failed();
    // A timeout or a cancelled call proves nothing about a server that was failing.
    if (code === "llm_timeout" || code === "llm_cancelled") return;
    this.#failures = 0;
    this.#pause = FIRST_PAUSE_MS;
  }

  /** The server was seen alive by other means: calls may go on, and the next failure opens the circuit again. */
  seenAlive(): void {
    this.#failures = Math.min(this.#failures, FAILURES_TO_OPEN - 1);
  }

  #failed(): void {
    this.#failures += 1;
    if (this.#failures < FAILURES_TO_OPEN) return;
    this.#openUntil = this.#clock.monotonic() + this.#pause;
    this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE_MS);
  }
}
