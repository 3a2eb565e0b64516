import type { Kysely } from "kysely";
import { z } from "zod";
import type { SharedJobs, TakenJob } from "../adapters/engine/index.ts";
import type { Notices } from "../adapters/store/index.ts";
import type { Clock } from "../foundation/clock.ts";
import type { Logger } from "../foundation/logger.ts";
import type { Dispatcher, Limits, Handler } from "./dispatcher.ts";
import type { Job } from "./run/draft.ts";
import type { WorkflowTables } from "./tables.ts";

export interface SharedDispatcherParts {
  jobs: SharedJobs;
  notices: Notices;
  clock: Clock;
  logger: Logger;
  limits: Limits;
  /** The clone that this process works in; null: none. */
  home: string | null;
  /** Whether nodes of this type are taken that any process may do. */
  takes: (type: string) => boolean;
  /** Whether nodes are taken, too, that belong to other clones. */
  standsIn: boolean;
  /** How long what is under way may go on when the process is to end, milliseconds. */
  drainMs: number;
}

/** Looks for jobs that nobody told of: of a process that died, or told while the connection was lost. */
const POLL_MS = 2000;
/** A third of a lease. */
const KEEP_MS = 3000;
const TOPIC = "jobs";

interface Held {
  job: TakenJob;
  type: string;
  lost: AbortController;
}

/**
 * Jobs that are kept with the runs' rows and shared by all processes of a team. Whoever decides about a node puts its job
 * into the same transaction and takes it itself if it has room; only what is left over is told to the others.
 */
export class SharedDispatcher implements Dispatcher {
  readonly shared = true;
  readonly #parts: SharedDispatcherParts;
  readonly #ending = new AbortController();
  readonly #stopped = new AbortController();
  readonly #held = new Map<string, Held>();
  readonly #under = new Set<Promise<void>>();
  readonly #running = new Map<string, number>();
  readonly #wanted = new Set<string>();
  /** Queues in which there may be more than there was room for. */
  readonly #starved = new Set<string>();
  readonly #loops: Promise<void>[] = [];
  #pumping: Promise<void> | null = null;
  #handler: Handler | null = null;
  #heard: Disposable | null = null;

  constructor(parts: SharedDispatcherParts) {
    this.#parts = parts;
  }

  async start(handler: Handler, types: string[]): Promise<void> {
    const { jobs, notices, home } = this.#parts;
    const homes = home === null ? [null] : [null, home];
    await jobs.start(homes.flatMap((place) => types.map((type) => queueOf({ type, home: place }))));
    this.#handler = handler;
    this.#heard = notices.on(TOPIC, (queue) => this.#want([queue]));
    this.#loops.push(
      this.#every(POLL_MS, async () => this.#want(await jobs.waiting()), this.#ending.signal),
      this.#every(KEEP_MS, () => this.#keep(), this.#stopped.signal),
    );
  }

  async enlist(tx: Kysely<WorkflowTables>, jobs: Job[]): Promise<void> {
    if (jobs.length === 0) return;
    await this.#parts.jobs.put(
      tx,
      jobs.map((job) => ({ queue: queueOf(job), body: job })),
    );
  }

  release(jobs: Job[]): void {
    const queues = Map.groupBy(jobs, queueOf);
    for (const [queue, some] of queues) {
      const ours = this.#isOurs(queue) && !this.#ending.signal.aborted;
      if (!ours || this.#room(typeIn(queue)) < some.length) this.#parts.notices.post(TOPIC, queue);
      this.#want([queue]);
    }
  }

  async stop(): Promise<void> {
    const { clock, drainMs } = this.#parts;
    this.#heard?.[Symbol.dispose]();
    this.#ending.abort();
    await this.#pumping;
    if (drainMs > 0 && this.#under.size > 0) {
      const over = new AbortController();
      const late = clock.sleep(drainMs, over.signal).catch(() => {});
      await Promise.race([this.#settled(), late]);
      over.abort();
    }
    this.#stopped.abort();
    await this.#settled();
    await Promise.allSettled(this.#loops);
  }

  async #settled(): Promise<void> {
    while (this.#under.size > 0) await Promise.allSettled(this.#under);
  }

  async #every(ms: number, work: () => Promise<void>, until: AbortSignal): Promise<void> {
    const { clock, logger } = this.#parts;
    while (!until.aborted) {
      await work().catch((error: unknown) => {
        if (!until.aborted) logger.warn({ err: error }, "the team's jobs cannot be reached and are looked for again");
      });
      await clock.sleep(ms, until).catch(() => {});
    }
  }

  #isOurs(queue: string): boolean {
    const { home, takes, standsIn } = this.#parts;
    const place = placeIn(queue);
    if (place === null) return takes(typeIn(queue));
    return place === home || standsIn;
  }

  #want(queues: string[]): void {
    if (this.#ending.signal.aborted || !this.#handler) return;
    for (const queue of queues) if (this.#isOurs(queue)) this.#wanted.add(queue);
    this.#pumping ??= this.#pump();
  }

  async #pump(): Promise<void> {
    await Promise.resolve();
    for (const queue of this.#wanted) {
      this.#wanted.delete(queue);
      const room = this.#room(typeIn(queue));
      if (this.#ending.signal.aborted) break;
      if (room <= 0) this.#starved.add(queue);
      else await this.#take(queue, room);
    }
    this.#pumping = null;
  }

  async #take(queue: string, room: number): Promise<void> {
    const { jobs, logger } = this.#parts;
    try {
      const taken = await jobs.take(queue, room);
      for (const job of taken) this.#begin(job);
      if (taken.length === room) this.#wanted.add(queue);
    } catch (error) {
      logger.warn({ err: error, queue }, "jobs could not be taken and are looked for again");
    }
  }

  #room(type: string): number {
    const { limits } = this.#parts;
    return Math.min(limits.total() - this.#held.size, limits.ofType(type) - (this.#running.get(type) ?? 0));
  }

  #begin(job: TakenJob): void {
    const type = typeIn(job.queue);
    const held: Held = { job, type, lost: new AbortController() };
    this.#held.set(turnOf(job), held);
    this.#count(type, 1);
    const work = this.#perform(held).finally(() => this.#under.delete(work));
    this.#under.add(work);
  }

  async #perform({ job, type, lost }: Held): Promise<void> {
    const { jobs, logger } = this.#parts;
    const handler = this.#handler!;
    let failure: unknown = null;
    try {
      const asked = jobSchema.parse(job.body);
      await handler({ ...asked, redelivered: job.returns > 0 }, AbortSignal.any([this.#stopped.signal, lost.signal]));
    } catch (error) {
      failure = error ?? new Error("no reason");
    }
    // The place is free before the job is forgotten: what comes next need not wait for that.
    this.#held.delete(turnOf(job));
    this.#count(type, -1);
    this.#refill();
    try {
      if (failure === null) await jobs.done(job);
      else await jobs.giveBack(job, failure instanceof Error ? failure.message : JSON.stringify(failure));
    } catch (error) {
      // Its lease ends, and whoever gets it then sees by the rows that it is done.
      logger.info({ err: error, job: job.body }, "a job could not be given back");
    }
  }

  #refill(): void {
    const starved = [...this.#starved];
    this.#starved.clear();
    if (starved.length > 0) this.#want(starved);
  }

  #count(type: string, by: number): void {
    this.#running.set(type, (this.#running.get(type) ?? 0) + by);
  }

  /** Says what is still under way here; what another has got meanwhile is stopped. */
  async #keep(): Promise<void> {
    const held = [...this.#held.values()].map(({ job }) => job);
    if (held.length === 0) return;
    for (const job of await this.#parts.jobs.keep(held)) this.#held.get(turnOf(job))?.lost.abort();
  }
}

/** The same job may come back to the process that was too slow to keep it. */
function turnOf({ id, returns }: TakenJob): string {
  return `${id}/${returns}`;
}

const jobSchema = z.object({
  runId: z.string(),
  key: z.string(),
  type: z.string(),
  attempt: z.int(),
  home: z.string().nullable(),
});

/** `any.llm`: whoever likes; `home.3f9a….command`: the process of that clone. */
function queueOf({ type, home }: Pick<Job, "type" | "home">): string {
  const name = type.replace("@", "");
  return home === null ? `any.${name}` : `home.${home}.${name}`;
}

function typeIn(queue: string): string {
  return queue.slice(queue.lastIndexOf(".") + 1);
}

function placeIn(queue: string): string | null {
  return queue.startsWith("home.") ? (queue.split(".")[1] ?? "") : null;
}
