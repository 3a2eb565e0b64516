import type { Kysely } from "kysely";
import { SpecloopError } from "../../foundation/errors.ts";
import { limited } from "./limited.ts";

export interface WriteLimits {
  /** Milliseconds for which another process may hold the database before a write fails with `store_busy`. */
  busyMs: number;
  /** Milliseconds that one write's `work` may take; only work that awaits something else than queries takes any. */
  workMs: number;
}

export const WRITE_LIMITS: WriteLimits = { busyMs: 5000, workMs: 10_000 };

/** One write that waits for its transaction. */
export interface Job {
  /** Does the work; what it returns settles the write once it is committed. */
  run(): Promise<() => void>;
  fail(error: unknown): void;
}

interface Parts<Tables> {
  db: Kysely<Tables>;
  workMs: number;
  /** Settles writes in one transaction and returns those that are to wait for the next one. */
  commit(batch: Job[]): Promise<Job[]>;
}

/** Collects the writes of one event-loop turn, and hands them on batch after batch. */
export class WriteQueue<Tables> {
  readonly #parts: Parts<Tables>;
  #waiting: Job[] = [];
  #running: Promise<void> | null = null;
  #closed = false;

  constructor(parts: Parts<Tables>) {
    this.#parts = parts;
  }

  write<T>(work: (tx: Kysely<Tables>) => Promise<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    if (this.#closed) {
      reject(new SpecloopError("daemon_stopping", "The store is closed; nothing more is accepted."));
      return promise;
    }
    const run = async () => {
      const value = await limited(this.#parts.db, this.#parts.workMs, work);
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
      const left = await this.#parts.commit(batch);
      if (left.length > 0) this.#waiting = [...left, ...this.#waiting];
    }
    this.#running = null;
  }
}
