import type { Kysely } from "kysely";
import type { Metric } from "./metrics/index.ts";
import { DAY_MS, emptyRollup, fromRow, HOUR_MS, mergeInto, type Rollup } from "./samples-rollup.ts";
import type { RollupRow, SampleTables } from "./tables.ts";

/** Windows up to this begin at a full hour and show hours where they are short, longer ones begin at a full day (UTC). */
const HOURLY_DAYS = 7;
/** Windows up to this show a point for each hour. */
const POINTS_HOURLY_DAYS = 2;
/** Later than every sample. */
const NEVER = Number.MAX_SAFE_INTEGER;
/** Samples that each half needs before a trend is told. */
const LEAST_FOR_TREND = 5;

/** A stretch of time that figures are about: from a full hour or day until now. */
export interface Window {
  days: number;
  /** Epoch milliseconds: where it begins. */
  since: number;
  now: number;
}

/** What is told of many samples. Quantiles are within 2 %, everything else is exact; null without samples. */
export interface Summary {
  count: number;
  sum: number;
  mean: number | null;
  deviation: number | null;
  min: number | null;
  max: number | null;
  median: number | null;
  p95: number | null;
  p99: number | null;
}

export interface WindowFigures extends Summary {
  /** Newer half of the time against the older: 0.1 means 10 % more (shares: 10 points); null with few samples. */
  trend: number | null;
  /** For each label set, most samples first; empty where the metric has no labels. */
  parts: ({ labels: Record<string, string> } & Summary)[];
  /** The figure that stands for the metric (`valueOf`) hour by hour or day by day, gaps included as null. */
  points: { at: number; count: number; value: number | null }[];
}

export function windowOf(days: number, now: number): Window {
  const from = now - days * DAY_MS;
  return { days, now, since: from - (from % (days <= HOURLY_DAYS ? HOUR_MS : DAY_MS)) };
}

/** Figures of these metrics over a window, from sums of hours and days alone: the number of samples does not matter. */
export async function windowFigures(
  db: Kysely<SampleTables>,
  metrics: readonly Metric[],
  window: Window,
): Promise<Map<string, WindowFigures>> {
  const rollups = await rollupsOf(db, metrics, window);
  const byMetric = Map.groupBy(rollups, ({ metric }) => metric);
  return new Map(metrics.map((metric) => [metric.name, figuresOf(metric, byMetric.get(metric.name) ?? [], window)]));
}

/** Whole days as days, the hours of the first, broken one as hours; all as hours where points are. */
async function rollupsOf(
  db: Kysely<SampleTables>,
  metrics: readonly Metric[],
  { days, since }: Window,
): Promise<Rollup[]> {
  const firstDay = days <= POINTS_HOURLY_DAYS ? NEVER : Math.ceil(since / DAY_MS) * DAY_MS;
  const names = metrics.map(({ name }) => name);
  const query = (level: RollupRow["level"], from: number) =>
    db
      .selectFrom("metric_rollups")
      .selectAll()
      .where("level", "=", level)
      .where("metric", "in", names)
      .where("start", ">=", from);
  const hours = firstDay === since ? [] : await query("hour", since).where("start", "<", firstDay).execute();
  const whole = firstDay === NEVER ? [] : await query("day", firstDay).execute();
  return [...hours, ...whole].map(fromRow);
}

function figuresOf(metric: Metric, rollups: Rollup[], window: Window): WindowFigures {
  const byLabels = Map.groupBy(rollups, ({ labels }) => labels);
  const parts = [...byLabels]
    .filter(([labels]) => labels !== "")
    .map(([labels, some]) => ({ labels: JSON.parse(labels) as Record<string, string>, ...summarize(some) }))
    .sort((a, b) => b.count - a.count);
  return {
    ...summarize(rollups),
    trend: trendOf(metric, rollups, window),
    parts,
    points: pointsOf(metric, rollups, window),
  };
}

function summarize(rollups: Rollup[]): Summary {
  const all = emptyRollup({ metric: "", labels: "", start: 0 });
  for (const rollup of rollups) mergeInto(all, rollup);
  const { count, sum, squares, min, max, sketch } = all;
  if (count === 0) {
    const none = { mean: null, deviation: null, min: null, max: null, median: null, p95: null, p99: null };
    return { count, sum, ...none };
  }
  const mean = sum / count;
  const deviation = count < 2 ? null : Math.sqrt(Math.max(0, (squares - sum * mean) / (count - 1)));
  const [median = null, p95 = null, p99 = null] = sketch.quantiles([0.5, 0.95, 0.99], { min, max });
  return { count, sum, mean, deviation, min, max, median, p95, p99 };
}

/** The one figure that stands for a metric: the middle of times, the mean of everything else. */
export function valueOf(
  metric: Pick<Metric, "unit">,
  { mean, median }: Pick<Summary, "mean" | "median">,
): number | null {
  return metric.unit === "ms" ? median : mean;
}

function trendOf(metric: Metric, rollups: Rollup[], { since, now }: Window): number | null {
  const middle = since + (now - since) / 2;
  const older = summarize(rollups.filter(({ start }) => start < middle));
  const newer = summarize(rollups.filter(({ start }) => start >= middle));
  if (Math.min(older.count, newer.count) < LEAST_FOR_TREND) return null;
  const [from, to] = [valueOf(metric, older)!, valueOf(metric, newer)!];
  if (metric.unit === "share") return to - from;
  return from === 0 ? null : to / from - 1;
}

function pointsOf(metric: Metric, rollups: Rollup[], { days, since, now }: Window): WindowFigures["points"] {
  const step = days <= POINTS_HOURLY_DAYS ? HOUR_MS : DAY_MS;
  const byTime = Map.groupBy(rollups, ({ start }) => start - (start % step));
  const points: WindowFigures["points"] = [];
  for (let at = since - (since % step); at <= now; at += step) {
    const summary = summarize(byTime.get(at) ?? []);
    points.push({ at, count: summary.count, value: valueOf(metric, summary) });
  }
  return points;
}
