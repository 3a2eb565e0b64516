import { type QueryExecutorProvider, sql } from "kysely";
import type { Clock } from "../../foundation/clock.ts";
import type { Logger } from "../../foundation/logger.ts";

/** How often the database is asked for its time. */
const MEASURE_MS = 30_000;
/** A computer that slept, or whose clock was set: ask at once. */
const JUMP_MS = 1000;

/**
 * The time of a PostgreSQL, for everything that several hosts decide by time: the hosts' own clocks may differ by hours. In
 * between it counts on by the clock that only grows. Asks on a connection that reads.
 */
export class DatabaseClock implements Clock, AsyncDisposable {
  readonly #database: QueryExecutorProvider;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #stop = new AbortController();
  #loop: Promise<void> | null = null;
  #asking: Promise<void> | null = null;
  /** What is added to the monotonic clock; and what the host's own clock was ahead of it then. */
  #offset = 0;
  #host = 0;

  constructor(database: QueryExecutorProvider, clock: Clock, logger: Logger) {
    this.#database = database;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** Rejects with the store's error where the database cannot be asked. */
  async start(): Promise<void> {
    await this.#measure();
    this.#loop = this.#keepRight();
  }

  now(): number {
    const monotonic = this.#clock.monotonic();
    if (Math.abs(this.#clock.now() - monotonic - this.#host) > JUMP_MS) void this.#again();
    return Math.round(this.#offset + monotonic);
  }

  monotonic(): number {
    return this.#clock.monotonic();
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return this.#clock.sleep(ms, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#loop;
    await this.#asking;
  }

  async #keepRight(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      await this.#clock.sleep(MEASURE_MS, this.#stop.signal).catch(() => {});
      if (!this.#stop.signal.aborted) await this.#again();
    }
  }

  #again(): Promise<void> {
    const ask = () => this.#measure().catch((error: unknown) => this.#failed(error));
    return (this.#asking ??= ask().finally(() => (this.#asking = null)));
  }

  #failed(error: unknown): void {
    // Not asked again with each look at the clock.
    this.#host = this.#clock.now() - this.#clock.monotonic();
    if (!this.#stop.signal.aborted) this.#logger.info({ err: error }, "the database could not be asked for its time");
  }

  /** The answer was true in the middle of its way there and back. */
  async #measure(): Promise<void> {
    const asked = this.#clock.monotonic();
    const question = sql<{ at: number }>`SELECT extract(epoch FROM clock_timestamp()) * 1000 AS at`;
    const { rows } = await question.execute(this.#database);
    const answered = this.#clock.monotonic();
    this.#offset = rows[0]!.at - (asked + answered) / 2;
    this.#host = this.#clock.now() - answered;
  }
}
