import type { Clock } from "../../foundation/clock.ts";
import { SpecloopError } from "../../foundation/errors.ts";
import type { Timeouts } from "./options.ts";

type Phase = "connect" | "first token" | "idle";

const LIMIT: Record<Phase, keyof Timeouts> = { connect: "connectMs", "first token": "firstTokenMs", idle: "idleMs" };
const SENTENCE: Record<Phase, string> = {
  connect: "The model server did not answer",
  "first token": "The model wrote nothing",
  idle: "The model stopped in the middle of its answer",
};

/**
 * The deadlines of one call. `signal` is aborted with `llm_timeout` when a phase or the whole lasts too long, and with
 * `llm_cancelled` when the caller gives up; after disposal never.
 */
export class Watchdog implements Disposable {
  readonly signal: AbortSignal;
  readonly #controller = new AbortController();
  readonly #stop = new AbortController();
  readonly #clock: Clock;
  readonly #timeouts: Timeouts;
  readonly #started: number;
  readonly #unlisten: () => void;
  #phase: Phase = "connect";
  #since: number;

  constructor(clock: Clock, timeouts: Timeouts, caller: AbortSignal) {
    this.signal = this.#controller.signal;
    this.#clock = clock;
    this.#timeouts = timeouts;
    this.#started = clock.monotonic();
    this.#since = this.#started;
    const cancel = () =>
      this.#fire(new SpecloopError("llm_cancelled", "The caller cancelled the model call.", { cause: caller.reason }));
    caller.addEventListener("abort", cancel, { once: true });
    this.#unlisten = () => caller.removeEventListener("abort", cancel);
    if (caller.aborted) cancel();
    else void this.#watch();
  }

  /** Milliseconds since the call began. */
  get elapsed(): number {
    return Math.round(this.#clock.monotonic() - this.#started);
  }

  /** The server has answered: from now on the first token is waited for. */
  connected(): void {
    if (this.#phase === "connect") this.#enter("first token");
  }

  /** The server works on the prompt or loads the model: the wait for the first token begins anew. */
  progress(): void {
    if (this.#phase !== "idle") this.#enter("first token");
  }

  /** A piece of the answer arrived. */
  token(): void {
    this.#enter("idle");
  }

  [Symbol.dispose](): void {
    this.#unlisten();
    this.#stop.abort();
  }

  #enter(phase: Phase): void {
    const shorter = this.#timeouts[LIMIT[phase]] < this.#timeouts[LIMIT[this.#phase]];
    this.#phase = phase;
    this.#since = this.#clock.monotonic();
    // A shorter limit than the one slept for would be noticed too late.
    if (shorter) this.#wake?.abort();
  }

  #wake: AbortController | null = null;

  async #watch(): Promise<void> {
    while (!this.#stop.signal.aborted && !this.signal.aborted) {
      const now = this.#clock.monotonic();
      const whole = this.#started + this.#timeouts.totalMs - now;
      const phase = this.#since + this.#timeouts[LIMIT[this.#phase]] - now;
      if (Math.min(whole, phase) <= 0) return this.#expire(whole <= phase);
      this.#wake = new AbortController();
      const signal = AbortSignal.any([this.#wake.signal, this.#stop.signal]);
      await this.#clock.sleep(Math.min(whole, phase), signal).catch(() => {});
    }
  }

  #expire(whole: boolean): void {
    const limit = whole ? "totalMs" : LIMIT[this.#phase];
    const sentence = whole ? "The answer was not complete" : SENTENCE[this.#phase];
    this.#fire(
      new SpecloopError("llm_timeout", `${sentence} within ${this.#timeouts[limit]} ms.`, {
        target: `llm.timeouts.${limit}`,
        details: { limit, elapsedMs: this.elapsed },
      }),
    );
  }

  #fire(reason: SpecloopError): void {
    if (!this.#stop.signal.aborted && !this.signal.aborted) this.#controller.abort(reason);
  }
}

/** Why a signal was aborted, as an error. */
export function reasonOf({ reason }: AbortSignal): Error {
  return reason instanceof Error
    ? reason
    : new SpecloopError("llm_cancelled", "The model call was cancelled.", { cause: reason });
}

/** Settles as `work` does, or rejects with the signal's reason when that comes first; `work` may then do as it likes. */
export function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  work.catch(() => {});
  if (signal.aborted) return Promise.reject(reasonOf(signal));
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const abort = () => reject(reasonOf(signal));
  signal.addEventListener("abort", abort, { once: true });
  work
    .then(resolve, reject)
    .finally(() => signal.removeEventListener("abort", abort))
    .catch(() => {});
  return promise;
}

/** A signal that is aborted with the first of several; disposing it lets go of them, as `AbortSignal.any` does not. */
export class LinkedSignal implements Disposable {
  readonly signal: AbortSignal;
  readonly #controller = new AbortController();
  readonly #release: (() => void)[] = [];

  constructor(...sources: AbortSignal[]) {
    this.signal = this.#controller.signal;
    for (const source of sources) {
      const abort = () => this.#controller.abort(source.reason);
      if (source.aborted) abort();
      source.addEventListener("abort", abort, { once: true });
      this.#release.push(() => source.removeEventListener("abort", abort));
    }
  }

  [Symbol.dispose](): void {
    for (const release of this.#release) release();
  }
}
