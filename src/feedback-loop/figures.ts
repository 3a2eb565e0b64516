import { type Kysely, sql } from "kysely";
import type { Metric } from "./metrics/index.ts";
import { mean, median, quantile } from "./statistics.ts";
import { windowFigures, type Window, type WindowFigures } from "./samples-window.ts";
import type { BatchRow, SampleRow, SampleTables } from "./tables.ts";

/** Samples of a window up to which quantiles are read from the rows, exactly; above, from sums, within 2 %. */
const EXACT = 1000;
/** Samples that both sides of a comparison are read from: the newest ones. */
const RECENT = 10_000;

/** One point of a metric's series: the median of 20 samples, or their mean for shares. */
interface SeriesPoint {
  at: number;
  value: number;
}

/** Figures over a window. All from sums; quantiles from the rows where they are few. */
export interface MetricFigures extends WindowFigures {
  /** The newest sample. */
  last: number | null;
  /** Medians (shares: means) of 20 samples each, oldest first, whenever they were: what control charts look at. */
  series: SeriesPoint[];
}

export async function metricFigures(
  db: Kysely<SampleTables>,
  metric: Metric,
  { points, window }: { points: number; window: Window },
): Promise<MetricFigures> {
  const figures = (await windowFigures(db, [metric], window, { byLabels: true })).get(metric.name)!;
  const series = (await batchesOf(db, metric.name, points)).map((batch) => ({
    at: batch.at,
    value: pointOf(metric, batch),
  }));
  const { count } = figures;
  const rows = await samplesOf(db, metric.name, { limit: count <= EXACT ? count : 1, since: window.since });
  const values = rows.map(({ value }) => value);
  // Rows that were not kept, or forgotten, are only in the sums.
  const exact = count > 0 && count <= EXACT && values.length === count;
  const quantiles = exact && {
    median: median(values),
    p95: quantile(values, 0.95),
    p99: quantile(values, 0.99),
  };
  return { ...figures, ...quantiles, last: values[0] ?? null, series };
}

/** The samples behind a figure, newest first. `before` is the id to go on from. */
export async function samplesOf(
  db: Kysely<SampleTables>,
  metric: string,
  { limit, before, since, label }: SamplesFilter,
): Promise<SampleRow[]> {
  let query = db.selectFrom("samples").selectAll().where("metric", "=", metric);
  if (before !== undefined) query = query.where("id", "<", before);
  if (since !== undefined) {
    // Numbers grow with time, so that nothing older is looked at; the time decides where a clock was set back.
    const first = db.selectFrom("samples").select("id").where("at", ">=", since).orderBy("at").limit(1);
    const { id } = (await first.executeTakeFirst()) ?? {};
    if (id === undefined) return [];
    query = query.where("id", ">=", id).where("at", ">=", since);
  }
  if (label) query = query.where(sql<boolean>`instr(labels, ${labelText(label)}) > 0`);
  return query.orderBy("id", "desc").limit(limit).execute();
}

export interface SamplesFilter {
  limit: number;
  before?: number | undefined;
  /** Epoch milliseconds. */
  since?: number | undefined;
  label?: { name: string; value: string } | undefined;
}

/** How a label stands in the JSON of a sample. */
function labelText({ name, value }: { name: string; value: string }): string {
  return JSON.stringify({ [name]: value }).slice(1, -1);
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

/** Shares are means of 0 and 1; medians of them would jump between 0 and 1. */
export function pointOf(metric: Metric, batch: BatchRow): number {
  return metric.unit === "share" ? batch.mean : batch.median;
}
