import { setTimeout as sleep } from "node:timers/promises";
import type { Kysely } from "kysely";
import { SpecloopError } from "../../foundation/errors.ts";
import type { Connection } from "./connection.ts";
import { limited } from "./limited.ts";
import { isBusy, resultCode } from "./sqlite-errors.ts";

export interface WriteLimits {
  /** Milliseconds for which another process may hold the database before a write fails with `store_busy`. */
  busyMs: number;
  /** Milliseconds that one write's `work` may take; only work that awaits something else than queries takes any. */
  workMs: number;
}

const LIMITS: WriteLimits = { busyMs: 5000, workMs: 10_000 };

interface Job {
  run(): Promise<() => void>;
  fail(error: unknown): void;
}

/**
 * Collects the writes of one event-loop turn into one `BEGIN IMMEDIATE … COMMIT` and settles each after the COMMIT has
 * returned. A write that throws is undone by its savepoint and fails alone. When the COMMIT itself is refused for a
 * constraint (a deferred foreign key), the writes are run again one by one, so that only the guilty one fails.
 */
export class GroupCommit<Tables> {
  readonly #connection: Connection;
  readonly #db: Kysely<Tables>;
  readonly #limits: WriteLimits;
  #waiting: Job[] = [];
  #running: Promise<void> | null = null;
  #suspect = false;
  #closed = false;

  constructor(connection: Connection, db: Kysely<Tables>, limits: Partial<WriteLimits>) {
    this.#connection = connection;
    this.#db = db;
    this.#limits = { ...LIMITS, ...limits };
  }

  write<T>(work: (tx: Kysely<Tables>) => Promise<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    if (this.#closed) {
      reject(new SpecloopError("daemon_stopping", "The store is closed; nothing more is accepted."));
      return promise;
    }
    const run = async () => {
      const value = await limited(this.#db, this.#limits.workMs, work);
      return () => resolve(value);
    };
    this.#waiting.push({ run, fail: reject });
    this.#running ??= this.#drain();
    return promise;
  }

  /** Refuses new writes and resolves when everything that was handed in has settled. */
  async close(): Promise<void> {
    this.#closed = true;
    while (this.#running) await this.#running;
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      // One turn's grace, so that calls of the same burst share a commit; before every batch, because a caller who writes
      // again as soon as a write resolves would otherwise keep timers and sockets from ever having their turn.
      await new Promise((resolve) => setImmediate(resolve));
      const batch = this.#waiting;
      this.#waiting = [];
      await this.#commit(batch);
    }
    this.#running = null;
  }

  async #commit(batch: Job[]): Promise<void> {
    const settled: (() => void)[] = [];
    try {
      if (this.#suspect) this.#recover();
      await this.#begin();
      for (const job of batch) {
        const settle = await this.#runInSavepoint(job);
        if (settle) settled.push(settle);
      }
      this.#connection.exec("COMMIT");
    } catch (error) {
      this.#rollBack(error);
      if (resultCode(error) === 19 && batch.length > 1) return this.#commitEach(batch);
      for (const job of batch) job.fail(error);
      return;
    }
    for (const settle of settled) settle();
  }

  async #commitEach(batch: Job[]): Promise<void> {
    for (const job of batch) await this.#commit([job]);
  }

  /** In short turns: waiting inside SQLite would stop everything else in this process. */
  async #begin(): Promise<void> {
    for (const until = performance.now() + this.#limits.busyMs; ;) {
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
