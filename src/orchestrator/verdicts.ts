import type { Verdict } from "../adapters/openspec/index.ts";
import type { Logger } from "../foundation/logger.ts";
import { SpecloopError, toSpecloopError, type Diagnostic } from "../foundation/errors.ts";

/** One change that wants a verdict for what it is now. */
export interface VerdictJob {
  root: string;
  change: string;
  /** What the verdict will be good for. */
  hash: string;
  judge(signal: AbortSignal): Promise<Verdict>;
}

/** Failures that are remembered; a forgotten one is tried again. */
const MAX_FAILED = 1000;

/** What is said in the place of a verdict where nobody wants one. */
export const VERDICTS_OFF: Diagnostic = {
  severity: "info",
  code: "no_validator",
  message: "Official verdicts are switched off.",
  fix: "Set openspec.validator to auto in specloop.yaml.",
};

/**
 * Gets verdicts one after the other, in the background, newest wish per change only. Without OpenSpec it empties itself
 * and tries again with the next wish.
 */
export class VerdictQueue implements AsyncDisposable {
  readonly #jobs = new Map<string, VerdictJob>();
  readonly #stop = new AbortController();
  readonly #logger: Logger;
  readonly #deliver: (job: VerdictJob, verdict: Verdict) => Promise<void>;
  /** Why OpenSpec could not judge changes, as they were: they are not tried again until they are others. */
  readonly #failed = new Map<string, Diagnostic>();
  /** Set while no OpenSpec can be found. */
  #missing: Diagnostic | null = null;
  #running: Promise<void> | null = null;
  #current: VerdictJob | null = null;

  constructor(logger: Logger, deliver: (job: VerdictJob, verdict: Verdict) => Promise<void>) {
    this.#logger = logger;
    this.#deliver = deliver;
  }

  add(job: VerdictJob): void {
    if (this.#stop.signal.aborted || this.#failed.has(job.hash)) return;
    if (this.#current?.hash === job.hash && this.#current.change === job.change && this.#current.root === job.root)
      return;
    this.#jobs.set(`${job.root}\0${job.change}`, job);
    this.#running ??= this.#drain();
  }

  /** Why there is no verdict on what has this hash, null when it is on its way or there. */
  problemOf(hash: string): Diagnostic | null {
    return this.#failed.get(hash) ?? this.#missing;
  }

  /** Resolves when nothing is left to judge. */
  async idle(): Promise<void> {
    while (this.#running) await this.#running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new SpecloopError("daemon_stopping", "The daemon is stopping."));
    this.#jobs.clear();
    await this.#running;
  }

  async #drain(): Promise<void> {
    // The state that asks for verdicts is shown before the first one is asked for.
    await new Promise((resolve) => setImmediate(resolve));
    for (let next = this.#take(); next; next = this.#take()) await this.#judge(next);
    this.#running = null;
  }

  #take(): VerdictJob | undefined {
    const [first] = this.#jobs;
    if (first) this.#jobs.delete(first[0]);
    return first?.[1];
  }

  async #judge(job: VerdictJob): Promise<void> {
    this.#current = job;
    try {
      await this.#deliver(job, await job.judge(this.#stop.signal));
      this.#missing = null;
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      if (error instanceof SpecloopError && error.code === "no_validator") this.#giveUp(error);
      else {
        this.#fail(job, error);
        this.#logger.warn({ err: error, change: job.change }, "OpenSpec gave no verdict");
      }
    } finally {
      this.#current = null;
    }
  }

  #fail({ hash }: VerdictJob, error: unknown): void {
    this.#failed.set(hash, toSpecloopError(error).toDiagnostic());
    const [oldest] = this.#failed.keys();
    if (this.#failed.size > MAX_FAILED && oldest !== undefined) this.#failed.delete(oldest);
  }

  #giveUp(error: SpecloopError): void {
    this.#jobs.clear();
    const { message, fix } = error;
    if (!this.#missing) this.#logger.info({ reason: message, fix }, "changes get no official verdict");
    this.#missing = error.toDiagnostic();
  }
}
