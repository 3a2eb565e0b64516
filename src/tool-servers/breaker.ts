import type { Clock } from "../foundation/clock.ts";
import { SpecloopError } from "../foundation/errors.ts";

/** Failures in a row after which nothing is tried for a while. */
const FAILURES = 3;
const FIRST_PAUSE_MS = 30_000;
const LONGEST_PAUSE_MS = 600_000;

/** Keeps calls away from a server that fails: after a pause one call may try, and its end decides. */
export class Breaker {
  readonly #clock: Clock;
  #failures = 0;
  #pauses = 0;
  #openUntil: number | null = null;
  #trying = false;
  #why = "";

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Why nothing may be called now; null when something may. */
  get reason(): string | null {
    if (this.#openUntil === null) return null;
    const left = Math.ceil((this.#openUntil - this.#clock.monotonic()) / 1000);
    if (left > 0) return `${this.#why}; tried again in ${left} s`;
    return this.#trying ? `${this.#why}; one call tries it` : null;
  }

  /** Throws `tool_unavailable` while the server is left alone. */
  admit(server: string): void {
    const { reason } = this;
    if (reason !== null) {
      throw new SpecloopError("tool_unavailable", `The server ${server} failed ${FAILURES} times: ${reason}.`, {
        target: server,
      });
    }
    this.#trying = this.#openUntil !== null;
  }

  succeeded(): void {
    this.#failures = 0;
    this.#pauses = 0;
    this.#openUntil = null;
    this.#trying = false;
  }

  /** Returns whether the server is left alone from now on. */
  failed(why: string): boolean {
    this.#why = why.replace(/\.$/, "");
    this.#failures += 1;
    if (this.#failures < FAILURES && !this.#trying) return false;
    this.#trying = false;
    const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.#pauses);
    this.#openUntil = this.#clock.monotonic() + pause;
    this.#pauses += 1;
    return true;
  }

  /** A call that ended without saying anything of the server, such as a cancelled one. */
  undecided(): void {
    this.#trying = false;
  }
}
