import { type QueryExecutorProvider, sql } from "kysely";
import type { PgBoss } from "pg-boss";
import { z } from "zod";
import { SpecloopError } from "../../foundation/errors.ts";
import { sha256 } from "../../foundation/hash.ts";
import type { Logger } from "../../foundation/logger.ts";
import { type JobTransaction, LEASE_MS, MOST_RETURNS, type NewJob, type SharedJobs, type TakenJob } from "./port.ts";

interface Parts {
  /** `postgres://…` of the store, and the schema of its tables; the jobs get one beside it. */
  address: { url: string; schema: string };
  /** Where `put` writes and where is read which queues have jobs. */
  read: QueryExecutorProvider;
  logger: Logger;
}

/** Of pg-boss: how often it looks for silent holders. With the lease and a poll a dead one is noticed within 15 s. */
const SUPERVISE_SECONDS = 2;
/** What lies in a queue is never thrown away for its age alone: a clone may be switched off for a long time. */
const RETENTION_SECONDS = 10 * 365 * 24 * 3600;
/** Longer than any node may take; what really limits a job is the lease. */
const EXPIRE_SECONDS = 23 * 3600;
/** Where jobs go that nobody could do. */
const ASIDE = "aside";
/** pg-boss takes at most this for the name of its schema, bytes. */
const LONGEST_SCHEMA = 50;

/** Opens pg-boss on the store's database. Rejects `unsupported` where the package is missing. */
export async function openPgBoss(parts: Parts): Promise<SharedJobs> {
  const { PgBoss: Boss, fromKysely } = await loadPgBoss();
  const schema = schemaOf(parts.address.schema);
  const boss = new Boss({
    connectionString: parts.address.url,
    schema,
    application_name: "specloop-jobs",
    max: 3,
    schedule: false,
    superviseIntervalSeconds: SUPERVISE_SECONDS,
    monitorIntervalSeconds: SUPERVISE_SECONDS,
    maintenanceIntervalSeconds: 3600,
    flowIntervalSeconds: 3600,
    bamIntervalSeconds: 3600,
    reindex: false,
    monitorVacuum: false,
  });
  boss.on("error", (error) => parts.logger.warn({ err: error }, "the jobs' keeper had an error and goes on"));
  boss.on("warning", (warning) => parts.logger.info({ warning }, "the jobs' keeper has a warning"));
  return new PgBossJobs(boss, schema, fromKysely, parts);
}

async function loadPgBoss(): Promise<typeof import("pg-boss")> {
  try {
    return await import("pg-boss");
  } catch (cause) {
    throw new SpecloopError("unsupported", "A team's store needs the package `pg-boss`, which is not installed.", {
      fix: "Run `npm install pg pg-boss` where specloop is installed, then start again.",
      cause,
    });
  }
}

function schemaOf(schema: string): string {
  const name = `${schema}_jobs`;
  return Buffer.byteLength(name) <= LONGEST_SCHEMA ? name : `specloop_${sha256(schema).slice(0, 24)}_jobs`;
}

type InTransaction = (tx: JobTransaction) => ReturnType<PgBoss["getDb"]>;

class PgBossJobs implements SharedJobs {
  readonly #boss: PgBoss;
  readonly #schema: string;
  readonly #within: InTransaction;
  readonly #read: QueryExecutorProvider;
  readonly #logger: Logger;

  constructor(boss: PgBoss, schema: string, within: InTransaction, { read, logger }: Parts) {
    this.#boss = boss;
    this.#schema = schema;
    this.#within = within;
    this.#read = read;
    this.#logger = logger;
  }

  async start(queues: string[]): Promise<void> {
    await this.#boss.start();
    const known = new Set((await this.#boss.getQueues()).map(({ name }) => name));
    if (!known.has(ASIDE)) await this.#boss.createQueue(ASIDE, { retryLimit: 0, retentionSeconds: RETENTION_SECONDS });
    for (const queue of queues) if (!known.has(queue)) await this.#boss.createQueue(queue, QUEUE);
  }

  async put(tx: JobTransaction, jobs: NewJob[]): Promise<void> {
    const db = this.#within(tx);
    const queues = Map.groupBy(jobs, ({ queue }) => queue);
    for (const [queue, some] of queues)
      await this.#boss.insert(
        queue,
        some.map(({ body }) => ({ data: body })),
        { db },
      );
  }

  async take(queue: string, count: number): Promise<TakenJob[]> {
    const jobs = await this.#boss.fetch<unknown>(queue, { batchSize: count, includeMetadata: true });
    return jobs.map(({ id, data, retryCount }) => ({ id, queue, body: data, returns: retryCount }));
  }

  async waiting(): Promise<string[]> {
    const ready = sql<{ name: string }>`SELECT DISTINCT name FROM ${sql.table(`${this.#schema}.job`)}
      WHERE state < 'active' AND NOT blocked AND start_after <= now()`;
    return (await ready.execute(this.#read)).rows.map(({ name }) => name).filter((name) => name !== ASIDE);
  }

  async keep(jobs: TakenJob[]): Promise<TakenJob[]> {
    const lost: TakenJob[] = [];
    for (const [queue, some] of Map.groupBy(jobs, (job) => job.queue)) {
      const answer = touched.parse(await this.#boss.touch(queue, some.map(attempt)));
      const kept = new Set(answer.settled);
      lost.push(...some.filter(({ id }) => !kept.has(id)));
    }
    return lost;
  }

  /** What was done stands in the run's own history, so nothing of the job is kept. */
  async done(job: TakenJob): Promise<void> {
    await this.#boss.deleteJob(job.queue, attempt(job));
  }

  async giveBack(job: TakenJob, why: string): Promise<void> {
    await this.#boss.fail(job.queue, attempt(job), { why });
    if (job.returns >= MOST_RETURNS)
      this.#logger.error({ job: job.body, queue: job.queue, why }, "a job could not be done and was set aside");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#boss.stop({ graceful: false }).catch(() => {});
  }
}

const QUEUE = {
  heartbeatSeconds: LEASE_MS / 1000,
  expireInSeconds: EXPIRE_SECONDS,
  retentionSeconds: RETENTION_SECONDS,
  retryLimit: MOST_RETURNS,
  retryDelay: 1,
  retryBackoff: true,
  retryDelayMax: 30,
  deadLetter: ASIDE,
};

/** The ids that a statement changed; pg-boss gives them without a type. */
const touched = z.object({ settled: z.array(z.string()) });

/** Fenced: whoever lost the job to another changes nothing. */
function attempt({ id, returns }: TakenJob): { id: string; retryCount: number } {
  return { id, retryCount: returns };
}
