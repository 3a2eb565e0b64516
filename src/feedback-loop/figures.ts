import type { Kysely } from "kysely";
import type { Metric } from "./metrics/index.ts";
import { mean, median, quantile } from "./statistics.ts";
import type { BatchRow, SampleRow, SampleTables } from "./tables.ts";

/** Samples that exact figures are made from: the newest ones. */
const RECENT = 10_000;
const DAY_MS = 86_400_000;

/** One point of a metric's series: the median of 20 samples, or their mean for shares. */
interface SeriesPoint {
  at: number;
  value: number;
}

export interface MetricFigures {
  /** All samples that are kept. */
  count: number;
  /** Of the newest samples, at most 10,000; null without samples. */
  mean: number | null;
  median: number | null;
  p95: number | null;
  last: number | null;
  /** Newer half of the series against the older half: 0.1 means 10 % (shares: 10 points) more; null under 4 points. */
  trend: number | null;
  series: SeriesPoint[];
}

/** The figures of one metric, from rows that `samplesOf` lists. */
export async function metricFigures(db: Kysely<SampleTables>, metric: Metric, points: number): Promise<MetricFigures> {
  const { count } = await db
    .selectFrom("samples")
    .select((row) => row.fn.countAll<number>().as("count"))
    .where("metric", "=", metric.name)
    .executeTakeFirstOrThrow();
  const recent = await samplesOf(db, metric.name, { limit: RECENT });
  const values = recent.map(({ value }) => value);
  const series = (await batchesOf(db, metric.name, points)).map((batch) => ({
    at: batch.at,
    value: pointOf(metric, batch),
  }));
  const known = values.length > 0;
  return {
    count,
    mean: known ? mean(values) : null,
    median: known ? median(values) : null,
    p95: known ? quantile(values, 0.95) : null,
    last: values[0] ?? null,
    trend: trendOf(metric, series),
    series,
  };
}

/** The samples behind a figure, newest first. `before` is the id to go on from. */
export async function samplesOf(
  db: Kysely<SampleTables>,
  metric: string,
  { limit, before }: { limit: number; before?: number | undefined },
): Promise<SampleRow[]> {
  let query = db.selectFrom("samples").selectAll().where("metric", "=", metric);
  if (before !== undefined) query = query.where("id", "<", before);
  return query.orderBy("id", "desc").limit(limit).execute();
}

/** The newest closed batches of a metric, oldest first. */
export async function batchesOf(db: Kysely<SampleTables>, metric: string, limit: number): Promise<BatchRow[]> {
  const query = db.selectFrom("sample_batches").selectAll().where("metric", "=", metric);
  return (await query.orderBy("to_id", "desc").limit(limit).execute()).reverse();
}

/** What is shown of one side of a before-and-after comparison. */
export type PartFigures = Pick<MetricFigures, "count" | "mean" | "median">;

/** The figures before and after a moment, for the report; never a judge. */
export async function beforeAndAfter(
  db: Kysely<SampleTables>,
  metric: Metric,
  moment: number,
): Promise<{ before: PartFigures; after: PartFigures }> {
  const rows = await samplesOf(db, metric.name, { limit: RECENT });
  return {
    before: partFigures(rows.filter(({ at }) => at < moment).map(({ value }) => value)),
    after: partFigures(rows.filter(({ at }) => at >= moment).map(({ value }) => value)),
  };
}

function partFigures(values: number[]): PartFigures {
  const known = values.length > 0;
  return { count: values.length, mean: known ? mean(values) : null, median: known ? median(values) : null };
}

/** Deletes samples that are older than `days`; their batches stay. */
export async function forgetOldSamples(db: Kysely<SampleTables>, now: number, days: number): Promise<void> {
  await db
    .deleteFrom("samples")
    .where("at", "<", now - days * DAY_MS)
    .execute();
  await db
    .deleteFrom("loop_questions")
    .where("at", "<", now - days * DAY_MS)
    .execute();
}

/** Shares are means of 0 and 1; medians of them would jump between 0 and 1. */
export function pointOf(metric: Metric, batch: BatchRow): number {
  return metric.unit === "share" ? batch.mean : batch.median;
}

function trendOf(metric: Metric, series: SeriesPoint[]): number | null {
  if (series.length < 4) return null;
  const half = Math.floor(series.length / 2);
  const older = median(series.slice(0, half).map(({ value }) => value));
  const newer = median(series.slice(half).map(({ value }) => value));
  if (metric.unit === "share") return newer - older;
  return older === 0 ? null : newer / older - 1;
}
