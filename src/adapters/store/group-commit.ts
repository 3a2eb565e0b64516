import { setTimeout as sleep } from "node:timers/promises";
import type { Kysely } from "kysely";
import { SpecloopError } from "../../foundation/errors.ts";
import type { Connection } from "./connection.ts";
import { isBusy, resultCode } from "./sqlite-errors.ts";
import { type Job, WRITE_LIMITS, type WriteLimits, WriteQueue } from "./write-queue.ts";

/**
 * Writes that wait when a transaction is this old go into the next one. SQLite answers in the same turn, so that a
 * transaction of a thousand writes would keep everybody else from having theirs; and the first need not wait for the last.
 */
const BATCH_MS = 20;

/**
 * Puts the writes of one event-loop turn, of a burst as many as take `BATCH_MS`, into one `BEGIN IMMEDIATE … COMMIT` and
 * settles each after the COMMIT has returned. A write that throws is undone by its savepoint and fails alone. When the
 * COMMIT itself is refused for a constraint (a deferred foreign key), the writes are run again one by one, so that only
 * the guilty one fails.
 */
export class GroupCommit<Tables> {
  readonly #connection: Connection;
  readonly #busyMs: number;
  readonly #queue: WriteQueue<Tables>;
  #suspect = false;

  constructor(connection: Connection, db: Kysely<Tables>, limits: Partial<WriteLimits>) {
    const { busyMs, workMs } = { ...WRITE_LIMITS, ...limits };
    this.#connection = connection;
    this.#busyMs = busyMs;
    this.#queue = new WriteQueue({ db, workMs, commit: (batch) => this.#commit(batch) });
  }

  write<T>(work: (tx: Kysely<Tables>) => Promise<T>): Promise<T> {
    return this.#queue.write(work);
  }

  close(): Promise<void> {
    return this.#queue.close();
  }

  /** Returns what there was no time for. */
  async #commit(batch: Job[]): Promise<Job[]> {
    const settled: (() => void)[] = [];
    let taken = 0;
    try {
      if (this.#suspect) this.#recover();
      await this.#begin();
      for (const until = performance.now() + BATCH_MS; taken < batch.length;) {
        const settle = await this.#runInSavepoint(batch[taken++]!);
        if (settle) settled.push(settle);
        if (performance.now() >= until) break;
      }
      this.#connection.exec("COMMIT");
    } catch (error) {
      this.#rollBack(error);
      if (resultCode(error) === 19 && batch.length > 1) return this.#commitEach(batch);
      const tried = taken === 0 ? batch : batch.slice(0, taken);
      for (const job of tried) job.fail(error);
      return batch.slice(tried.length);
    }
    for (const settle of settled) settle();
    return batch.slice(taken);
  }

  async #commitEach(batch: Job[]): Promise<Job[]> {
    for (const job of batch) await this.#commit([job]);
    return [];
  }

  /** In short turns: waiting inside SQLite would stop everything else in this process. */
  async #begin(): Promise<void> {
    for (const until = performance.now() + this.#busyMs; ;) {
      try {
        return this.#connection.exec("BEGIN IMMEDIATE");
      } catch (error) {
        const busy = error instanceof SpecloopError && isBusy(error.cause);
        if (!busy || performance.now() >= until) throw error;
        await sleep(1 + Math.random() * 9);
      }
    }
  }

  async #runInSavepoint(job: Job): Promise<(() => void) | null> {
    this.#connection.exec("SAVEPOINT job");
    try {
      const settle = await job.run();
      this.#connection.exec("RELEASE job");
      return settle;
    } catch (error) {
      // A full disk ends the whole transaction, and then there is no savepoint to go back to.
      if (!this.#connection.isTransaction) throw error;
      this.#connection.exec("ROLLBACK TO job; RELEASE job");
      job.fail(error);
      return null;
    }
  }

  #rollBack(error: unknown): void {
    // After an error of the disk the connection may think of pages as written that are not.
    if (error instanceof SpecloopError && resultCode(error.cause) === 10) this.#suspect = true;
    try {
      if (this.#connection.isTransaction) this.#connection.exec("ROLLBACK");
    } catch {
      this.#suspect = true;
    }
  }

  #recover(): void {
    this.#connection.reopen();
    this.#suspect = false;
  }
}
