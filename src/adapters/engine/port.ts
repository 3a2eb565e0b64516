import type { Kysely } from "kysely";

/** A transaction of the store in which the jobs are kept, whatever its tables. */
export type JobTransaction = Pick<Kysely<never>, "executeQuery">;

/**
 * Jobs that several processes share. Each is handed to one process at a time, which has to say again and again that it
 * still is there; when it is silent for `LEASE_MS` the job is handed to another. A job may therefore come twice: what it
 * does is fenced by whoever does it. All times are the database's, so clocks of hosts may differ.
 */
export interface SharedJobs extends AsyncDisposable {
  /** Makes the queues where there are none, and begins to look for jobs whose holder is silent. */
  start(queues: string[]): Promise<void>;
  /** Puts jobs into queues, in the caller's transaction: they are there exactly if it commits. */
  put(tx: JobTransaction, jobs: NewJob[]): Promise<void>;
  /** Takes at most so many jobs of a queue, the oldest first. */
  take(queue: string, count: number): Promise<TakenJob[]>;
  /** Names of the queues in which a job can be taken now. */
  waiting(): Promise<string[]>;
  /** Says that these are still being done. Returns those that are not ours any more. */
  keep(jobs: TakenJob[]): Promise<TakenJob[]>;
  /** It is done, so it is forgotten. */
  done(job: TakenJob): Promise<void>;
  /** It could not be done here and is handed out again a little later; after `MOST_RETURNS` times it is set aside. */
  giveBack(job: TakenJob, why: string): Promise<void>;
}

export interface NewJob {
  queue: string;
  /** Plain JSON, small. */
  body: object;
}

export interface TakenJob {
  id: string;
  queue: string;
  body: unknown;
  /** How often somebody had it before and did not finish it. */
  returns: number;
}

/** How long a holder may be silent, milliseconds. pg-boss allows no less. */
export const LEASE_MS = 10_000;
/** How often a job is handed out again before it is set aside. */
export const MOST_RETURNS = 20;
