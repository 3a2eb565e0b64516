import { setTimeout as sleep } from "node:timers/promises";
import type { Kysely } from "kysely";
import { SpecloopError } from "../../foundation/errors.ts";
import type { WriteLimits } from "./group-commit.ts";
import { limited } from "./limited.ts";
import type { WritingConnection } from "./postgres-connection.ts";
import { isLost } from "./postgres-errors.ts";

interface Job {
  run(): Promise<() => void>;
  fail(error: unknown): void;
}

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
  readonly #db: Kysely<Tables>;
  readonly #limits: WriteLimits;
  readonly #begin: string;
  #waiting: Job[] = [];
  #running: Promise<void> | null = null;
  #closed = false;

  constructor(connection: WritingConnection, db: Kysely<Tables>, { lock, ...limits }: WriteLimits & { lock: string }) {
    this.#connection = connection;
    this.#db = db;
    this.#limits = limits;
    this.#begin = `BEGIN; SELECT pg_advisory_xact_lock(${lock})`;
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
      await this.#open();
      for (const job of batch) {
        const settle = await this.#runInSavepoint(job);
        if (settle) settled.push(settle);
      }
      await this.#connection.exec("COMMIT");
    } catch (error) {
      await this.#rollBack();
      if (CONSTRAINT.test(String((error as { code?: unknown }).code)) && batch.length > 1) return this.#each(batch);
      for (const job of batch) job.fail(error);
      return;
    }
    for (const settle of settled) settle();
  }

  async #each(batch: Job[]): Promise<void> {
    for (const job of batch) await this.#commit([job]);
  }

  /** Begins, and connects anew where the server was away; nothing has been written yet, so to try again is safe. */
  async #open(): Promise<void> {
    for (const until = performance.now() + this.#limits.busyMs; ;) {
      try {
        await this.#connection.open();
        return await this.#connection.exec(this.#begin);
      } catch (error) {
        if (!isLost(error) || performance.now() >= until) throw error;
        await sleep(RECONNECT_MS);
      }
    }
  }

  async #runInSavepoint(job: Job): Promise<(() => void) | null> {
    await this.#connection.exec("SAVEPOINT job");
    try {
      const settle = await job.run();
      await this.#connection.exec("RELEASE job");
      return settle;
    } catch (error) {
      // Without its connection the whole transaction is gone, not only this write.
      if (isLost(error)) throw error;
      await this.#connection.exec("ROLLBACK TO job; RELEASE job");
      job.fail(error);
      return null;
    }
  }

  /** A connection that cannot even roll back is given up: the server then rolls back by itself. */
  async #rollBack(): Promise<void> {
    await this.#connection.exec("ROLLBACK").catch(() => this.#connection.reset());
  }
}
