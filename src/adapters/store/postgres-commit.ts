import { setTimeout as sleep } from "node:timers/promises";
import type { Kysely } from "kysely";
import type { WritingConnection } from "./postgres-connection.ts";
import { isLost } from "./postgres-errors.ts";
import { type Job, type WriteLimits, WriteQueue } from "./write-queue.ts";

/** Class 23: a constraint is violated; at COMMIT it is a deferred one. */
const CONSTRAINT = /^23/;
const RECONNECT_MS = 100;

/**
 * What `GroupCommit` is for SQLite: the writes of one turn share a transaction, each behind a savepoint of its own. One
 * lock per schema stands for SQLite's one writer, so that what a write reads is still so when it writes, whichever
 * process on whichever host the other writer is.
 */
export class PostgresCommit<Tables> {
  readonly #connection: WritingConnection;
  readonly #busyMs: number;
  readonly #begin: string;
  readonly #queue: WriteQueue<Tables>;

  constructor(
    connection: WritingConnection,
    db: Kysely<Tables>,
    { lock, busyMs, workMs }: WriteLimits & { lock: string },
  ) {
    this.#connection = connection;
    this.#busyMs = busyMs;
    this.#begin = `BEGIN; SELECT pg_advisory_xact_lock(${lock})`;
    this.#queue = new WriteQueue({ db, workMs, commit: (batch) => this.#commit(batch) });
  }

  write<T>(work: (tx: Kysely<Tables>) => Promise<T>): Promise<T> {
    return this.#queue.write(work);
  }

  close(): Promise<void> {
    return this.#queue.close();
  }

  /** Every write of the batch settles: none is left for the next transaction. */
  async #commit(batch: Job[]): Promise<Job[]> {
    const settled: (() => void)[] = [];
    try {
      await this.#open();
      if (batch.length === 1) settled.push(await batch[0]!.run());
      else for (const job of batch) settled.push(...(await this.#runInSavepoint(job)));
      await this.#connection.exec("COMMIT");
    } catch (error) {
      await this.#rollBack();
      if (CONSTRAINT.test(String((error as { code?: unknown }).code)) && batch.length > 1) return this.#each(batch);
      for (const job of batch) job.fail(error);
      return [];
    }
    for (const settle of settled) settle();
    return [];
  }

  async #each(batch: Job[]): Promise<Job[]> {
    for (const job of batch) await this.#commit([job]);
    return [];
  }

  /** Begins, and connects anew where the server was away; nothing has been written yet, so to try again is safe. */
  async #open(): Promise<void> {
    for (const until = performance.now() + this.#busyMs; ;) {
      try {
        await this.#connection.open();
        return await this.#connection.exec(this.#begin);
      } catch (error) {
        if (!isLost(error) || performance.now() >= until) throw error;
        await sleep(RECONNECT_MS);
      }
    }
  }

  async #runInSavepoint(job: Job): Promise<(() => void)[]> {
    await this.#connection.exec("SAVEPOINT job");
    try {
      const settle = await job.run();
      await this.#connection.exec("RELEASE job");
      return [settle];
    } catch (error) {
      // Without its connection the whole transaction is gone, not only this write.
      if (isLost(error)) throw error;
      await this.#connection.exec("ROLLBACK TO job; RELEASE job");
      job.fail(error);
      return [];
    }
  }

  /** A connection that cannot even roll back is given up: the server then rolls back by itself. */
  async #rollBack(): Promise<void> {
    await this.#connection.exec("ROLLBACK").catch(() => this.#connection.reset());
  }
}
