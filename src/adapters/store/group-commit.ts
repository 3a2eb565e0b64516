import type { DatabaseSync } from "node:sqlite";
import type { Kysely } from "kysely";

interface Job {
  run(): Promise<() => void>;
  fail(error: unknown): void;
}

/**
 * Collects the writes of one event-loop turn into one `BEGIN IMMEDIATE … COMMIT` and settles each after the COMMIT has
 * returned. A write that throws is undone by its savepoint and fails alone; a COMMIT that fails fails them all.
 */
export class GroupCommit<Tables> {
  readonly #connection: DatabaseSync;
  readonly #db: Kysely<Tables>;
  readonly #translate: (error: unknown) => unknown;
  #waiting: Job[] = [];
  #running: Promise<void> | null = null;

  constructor(connection: DatabaseSync, db: Kysely<Tables>, translate: (error: unknown) => unknown) {
    this.#connection = connection;
    this.#db = db;
    this.#translate = translate;
  }

  write<T>(work: (tx: Kysely<Tables>) => Promise<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const run = async () => {
      const value = await work(this.#db);
      return () => resolve(value);
    };
    this.#waiting.push({ run, fail: (error) => reject(this.#translate(error)) });
    this.#running ??= this.#drain();
    return promise;
  }

  /** Resolves when everything that was handed in has settled. */
  async idle(): Promise<void> {
    while (this.#running) await this.#running;
  }

  async #drain(): Promise<void> {
    // One turn's grace, so that calls of the same burst share a commit.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      await this.#commit(batch);
    }
    this.#running = null;
  }

  async #commit(batch: Job[]): Promise<void> {
    const done: { job: Job; settle: () => void }[] = [];
    try {
      this.#connection.exec("BEGIN IMMEDIATE");
      for (const job of batch) {
        const settle = await this.#runInSavepoint(job);
        if (settle) done.push({ job, settle });
      }
      this.#connection.exec("COMMIT");
    } catch (error) {
      if (this.#connection.isTransaction) this.#connection.exec("ROLLBACK");
      for (const job of batch) job.fail(error);
      return;
    }
    for (const { settle } of done) settle();
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
}
