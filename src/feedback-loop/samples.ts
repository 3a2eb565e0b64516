import type { Kysely } from "kysely";
import type { Store } from "../adapters/store/index.ts";
import { mean, median, quantile } from "./statistics.ts";
import { METRICS } from "./metrics/index.ts";
import { addHours, type Rollup } from "./samples-rollup.ts";
import type { BatchRow, MarkRow, QuestionFactRow, SampleRow, SampleTables } from "./tables.ts";

/** Samples in one point of a control chart: fewer make medians that jump. */
const BATCH_SIZE = 20;
/** Rows of one INSERT: 6 columns each stay far below SQLite's 32,766 parameters. */
const INSERT_ROWS = 500;

/** A sample before it has its number. */
export type NewSample = Omit<SampleRow, "id">;

/** What is written in one transaction with samples. */
export interface Aside {
  questions?: QuestionFactRow[];
  hours?: Rollup[];
  /** A mark that is gone has null. */
  marks?: { key: string; at: number | null }[];
}

/**
 * Writes samples in their order of arrival and closes a batch of every 20 of one metric in the same transaction, so
 * that charts read a few points instead of all samples, and a crash leaves batches and samples in step.
 */
export class SampleWriter {
  readonly #store: Store<SampleTables>;
  readonly #open = new Map<string, SampleRow[]>();
  #nextId = 1;

  constructor(store: Store<SampleTables>) {
    this.#store = store;
  }

  /** Finds where the last process stopped. */
  async load(): Promise<void> {
    const { read } = this.#store;
    const last = await read
      .selectFrom("samples")
      .select((row) => row.fn.max("id").as("id"))
      .executeTakeFirst();
    let highest = last?.id ?? 0;
    // One look into an index for each metric, however many samples there are.
    for (const { name } of METRICS) {
      const batches = read.selectFrom("sample_batches").select("to_id").where("metric", "=", name);
      const closedTo = (await batches.orderBy("to_id", "desc").limit(1).executeTakeFirst())?.to_id ?? 0;
      const samples = read.selectFrom("samples").selectAll().where("metric", "=", name);
      this.#open.set(name, await samples.where("id", ">", closedTo).orderBy("id").limit(BATCH_SIZE).execute());
      highest = Math.max(highest, closedTo);
    }
    // Batches outlive their samples, and numbers are never used again.
    this.#nextId = highest + 1;
  }

  /** Durable when it resolves; on an error nothing was written and the same call may be made again. */
  async write(samples: NewSample[], { questions = [], hours = [], marks = [] }: Aside = {}): Promise<void> {
    const rows = samples.map((sample, index) => ({ id: this.#nextId + index, ...sample }));
    const { batches, open } = this.#close(rows);
    await this.#store.write(async (tx) => {
      for (const part of parts(rows)) await tx.insertInto("samples").values(part).execute();
      for (const part of parts(batches)) await tx.insertInto("sample_batches").values(part).execute();
      for (const { question_id, ...fact } of questions) {
        await tx
          .insertInto("loop_questions")
          .values({ question_id, ...fact })
          .onConflict((conflict) =>
            conflict.column("question_id").doUpdateSet({ state: fact.state, route: fact.route }),
          )
          .execute();
      }
      await addHours(tx, hours);
      for (const mark of marks) await setMark(tx, mark);
    });
    this.#nextId += rows.length;
    for (const [metric, left] of open) this.#open.set(metric, left);
  }

  #close(rows: SampleRow[]): { batches: BatchRow[]; open: Map<string, SampleRow[]> } {
    const batches: BatchRow[] = [];
    const open = new Map<string, SampleRow[]>();
    for (const row of rows) {
      const waiting = open.get(row.metric) ?? [...(this.#open.get(row.metric) ?? [])];
      waiting.push(row);
      open.set(row.metric, waiting.length < BATCH_SIZE ? waiting : []);
      if (waiting.length >= BATCH_SIZE) batches.push(summarize(waiting));
    }
    return { batches, open };
  }
}

async function setMark(tx: Kysely<SampleTables>, { key, at }: { key: string; at: number | null }): Promise<void> {
  if (at === null) await tx.deleteFrom("metric_marks").where("key", "=", key).execute();
  else {
    const mark: MarkRow = { key, at };
    const insert = tx.insertInto("metric_marks").values(mark);
    await insert.onConflict((conflict) => conflict.column("key").doUpdateSet({ at })).execute();
  }
}

function summarize(rows: SampleRow[]): BatchRow {
  const values = rows.map(({ value }) => value);
  const last = rows.at(-1)!;
  return {
    metric: last.metric,
    count: rows.length,
    mean: mean(values),
    median: median(values),
    p95: quantile(values, 0.95),
    from_id: rows[0]!.id,
    to_id: last.id,
    at: last.at,
  };
}

function* parts<Row>(rows: Row[]): Generator<Row[]> {
  for (let start = 0; start < rows.length; start += INSERT_ROWS) yield rows.slice(start, start + INSERT_ROWS);
}
