import type { Clock } from "../../foundation/clock.ts";
import { SpecloopError } from "../../foundation/errors.ts";
import type { Backend } from "./backend.ts";
import type { LlmOptions } from "./options.ts";
import type { ModelInfo } from "./port.ts";
import { untilAborted } from "./watchdog.ts";

/** How long what a server lists is believed, and how long its absence. */
const FRESH_MS = 5000;
const ABSENT_MS = 2000;

/** A server that answers, and what it has. */
export interface Found {
  backend: Backend;
  models: ModelInfo[];
}

/** Makes the backends that may serve under these options, best first. */
export type Candidates = (options: LlmOptions) => Backend[];

interface Wish {
  /** Changes when other candidates are needed. */
  key: string;
  signal: AbortSignal;
  /** Older knowledge than this does not do. */
  maxAgeMs?: number | undefined;
}

interface Look {
  at: number;
  outcome: Promise<Found>;
  failed: boolean;
}

/**
 * Knows which backend serves. It is looked for when a call needs it, at most once per moment for all callers, and again
 * after seconds, so that LM Studio may be started, stopped and restarted at any time.
 */
export class Selection implements AsyncDisposable {
  readonly #clock: Clock;
  readonly #candidates: Candidates;
  readonly #end = new AbortController();
  #key = "";
  #backends: Backend[] = [];
  #look: Look | null = null;

  constructor(clock: Clock, candidates: Candidates) {
    this.#clock = clock;
    this.#candidates = candidates;
  }

  /** The backend that serves. Rejects with the error of the last candidate; throws what making the candidates throws. */
  find(options: LlmOptions, { key, signal, maxAgeMs = FRESH_MS }: Wish): Promise<Found> {
    if (key !== this.#key) this.#renew(options, key);
    const look = this.#look;
    const age = look ? this.#clock.monotonic() - look.at : Infinity;
    const limit = Math.min(maxAgeMs, look?.failed ? ABSENT_MS : FRESH_MS);
    return untilAborted(look && age < limit ? look.outcome : this.#lookAgain(options), signal);
  }

  /** What was found is not true any more. */
  forget(): void {
    this.#look = null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort(new SpecloopError("llm_cancelled", "The model client is closed."));
    await Promise.allSettled(this.#backends.map((backend) => backend[Symbol.asyncDispose]()));
  }

  #renew(options: LlmOptions, key: string): void {
    const former = this.#backends;
    this.#backends = this.#candidates(options);
    void Promise.allSettled(former.map((backend) => backend[Symbol.asyncDispose]()));
    this.#key = key;
    this.#look = null;
  }

  #lookAgain(options: LlmOptions): Promise<Found> {
    const look: Look = { at: this.#clock.monotonic(), outcome: this.#search(options), failed: false };
    look.outcome.catch(() => {
      look.failed = true;
    });
    this.#look = look;
    return look.outcome;
  }

  async #search({ timeouts }: LlmOptions): Promise<Found> {
    const backends = this.#backends;
    let failure: unknown;
    for (const backend of backends) {
      try {
        const { models } = await backend.inventory(timeouts, this.#end.signal);
        return { backend, models };
      } catch (error) {
        failure = error;
        // Where nobody listens, the next way of asking the same address meets nobody either.
        if (error instanceof SpecloopError && error.code !== "llm_protocol") break;
      }
    }
    throw failure;
  }
}
