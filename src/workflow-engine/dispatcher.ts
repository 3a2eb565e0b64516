import type { Kysely } from "kysely";
import type { Job } from "./run/draft.ts";
import type { WorkflowTables } from "./tables.ts";

export type Handler = (job: Job & { redelivered?: boolean }, signal: AbortSignal) => Promise<void>;

/** Hands jobs to whoever does them. A job is "run node K of run R, attempt A"; it may come twice, because it is fenced. */
export interface Dispatcher {
  /** Whether other processes write runs, too. */
  readonly shared: boolean;
  /**
   * `handler` settles when the attempt has ended; where it rejects and others are there, the job is handed out again.
   * `redelivered`: somebody had the job and went away. `types`: of every node that there may be.
   */
  start(handler: Handler, types: string[]): Promise<void>;
  /** In the transaction that decided about the jobs: where they are kept in the same store, this is where they go. */
  enlist(tx: Kysely<WorkflowTables>, jobs: Job[]): Promise<void>;
  /** After the commit. */
  release(jobs: Job[]): void;
  /** Takes no more jobs; the signals of those under way are aborted. Resolves when they have ended. */
  stop(): Promise<void>;
}

export interface Limits {
  /** Attempts at once in this process. */
  total(): number;
  /** Attempts at once of one node type. */
  ofType(type: string): number;
}

/** Jobs in this process: first come, first served, within limits by node type. Nothing is kept: rows say it all. */
export class InProcessDispatcher implements Dispatcher {
  readonly shared = false;
  readonly #limits: Limits;
  readonly #abort = new AbortController();
  readonly #queues = new Map<string, Job[]>();
  readonly #running = new Map<string, number>();
  readonly #under = new Set<Promise<void>>();
  #handler: ((job: Job, signal: AbortSignal) => Promise<void>) | null = null;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  async start(handler: (job: Job, signal: AbortSignal) => Promise<void>): Promise<void> {
    this.#handler = handler;
    this.#pump();
  }

  async enlist(): Promise<void> {}

  release(jobs: Job[]): void {
    for (const job of jobs) {
      const queue = this.#queues.get(job.type);
      if (queue) queue.push(job);
      else this.#queues.set(job.type, [job]);
    }
    this.#pump();
  }

  async stop(): Promise<void> {
    this.#queues.clear();
    this.#abort.abort();
    await Promise.allSettled(this.#under);
  }

  #pump(): void {
    if (!this.#handler || this.#abort.signal.aborted) return;
    for (const [type, queue] of this.#queues) {
      while (queue.length > 0 && this.#under.size < this.#limits.total() && this.#free(type)) {
        this.#begin(queue.shift()!, this.#handler);
      }
      if (queue.length === 0) this.#queues.delete(type);
    }
  }

  #free(type: string): boolean {
    return (this.#running.get(type) ?? 0) < this.#limits.ofType(type);
  }

  #begin(job: Job, handler: (job: Job, signal: AbortSignal) => Promise<void>): void {
    this.#running.set(job.type, (this.#running.get(job.type) ?? 0) + 1);
    const work = handler(job, this.#abort.signal).finally(() => {
      this.#under.delete(work);
      this.#running.set(job.type, (this.#running.get(job.type) ?? 1) - 1);
      this.#pump();
    });
    this.#under.add(work);
  }
}
