import type { Verdict } from "../adapters/openspec/index.ts";
import type { Logger } from "../foundation/logger.ts";
import { SpecloopError } from "../foundation/errors.ts";

/** One change that wants a verdict for what it is now. */
export interface VerdictJob {
  root: string;
  change: string;
  /** What the verdict will be good for. */
  hash: string;
  judge(signal: AbortSignal): Promise<Verdict>;
}

/**
 * Gets verdicts one after the other, in the background, newest wish per change only. Without OpenSpec it empties itself
 * and tries again with the next wish.
 */
export class VerdictQueue implements AsyncDisposable {
  readonly #jobs = new Map<string, VerdictJob>();
  readonly #stop = new AbortController();
  readonly #logger: Logger;
  readonly #deliver: (job: VerdictJob, verdict: Verdict) => Promise<void>;
  /** Changes, as they were, that OpenSpec could not judge: they are not tried again until they are others. */
  readonly #failed = new Set<string>();
  #isMissingTold = false;
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
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      if (error instanceof SpecloopError && error.code === "no_validator") this.#giveUp(error);
      else {
        this.#failed.add(job.hash);
        this.#logger.warn({ err: error, change: job.change }, "OpenSpec gave no verdict");
      }
    } finally {
      this.#current = null;
    }
  }

  #giveUp({ message, fix }: SpecloopError): void {
    this.#jobs.clear();
    if (!this.#isMissingTold) this.#logger.info({ reason: message, fix }, "changes get no official verdict");
    this.#isMissingTold = true;
  }
}
