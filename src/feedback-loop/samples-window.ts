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
  /** For each label set, most samples first; empty where the metric has no labels, and where it was not asked for. */
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
  { byLabels }: { byLabels: boolean },
): Promise<Map<string, WindowFigures>> {
  const rollups = await rollupsOf(db, metrics, window);
  const byMetric = Map.groupBy(rollups, ({ metric }) => metric);
  return new Map(
    metrics.map((metric) => {
      const own = byMetric.get(metric.name) ?? [];
      return [metric.name, { ...figuresOf(metric, own, window), parts: byLabels ? partsOf(own) : [] }];
    }),
  );
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

/** Rows are merged once, into the points; halves and the whole are made from those. */
function figuresOf(metric: Metric, rollups: Rollup[], window: Window): Omit<WindowFigures, "parts"> {
  const times = together(rollups, ({ start }) => start - (start % stepOf(window)));
  const whole = [...times.values()];
  return {
    ...summarize(whole),
    trend: trendOf(metric, times, window),
    points: pointsOf(metric, times, window),
  };
}

/** Those with the same key as one. */
function together<Key>(rollups: Rollup[], keyOf: (rollup: Rollup) => Key): Map<Key, Rollup> {
  const merged = new Map<Key, Rollup>();
  for (const rollup of rollups) {
    const key = keyOf(rollup);
    let all = merged.get(key);
    if (!all) merged.set(key, (all = emptyRollup(rollup)));
    mergeInto(all, rollup);
  }
  return merged;
}

function partsOf(rollups: Rollup[]): WindowFigures["parts"] {
  const parts = [...together(rollups, ({ labels }) => labels)];
  return parts
    .filter(([labels]) => labels !== "")
    .map(([labels, part]) => ({ labels: JSON.parse(labels) as Record<string, string>, ...summarize([part]) }))
    .sort((a, b) => b.count - a.count);
}

function stepOf({ days }: Window): number {
  return days <= POINTS_HOURLY_DAYS ? HOUR_MS : DAY_MS;
}

function summarize(rollups: Rollup[]): Summary {
  const [only, another] = rollups;
  const all = only && !another ? only : emptyRollup({ metric: "", labels: "", start: 0 });
  if (all !== only) for (const rollup of rollups) mergeInto(all, rollup);
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

function trendOf(metric: Metric, times: Map<number, Rollup>, { since, now }: Window): number | null {
  const middle = since + (now - since) / 2;
  const half = (isNewer: boolean) => [...times].filter(([at]) => at >= middle === isNewer).map(([, rollup]) => rollup);
  const [older, newer] = [summarize(half(false)), summarize(half(true))];
  if (Math.min(older.count, newer.count) < LEAST_FOR_TREND) return null;
  const [from, to] = [valueOf(metric, older)!, valueOf(metric, newer)!];
  if (metric.unit === "share") return to - from;
  return from === 0 ? null : to / from - 1;
}

function pointsOf(metric: Metric, times: Map<number, Rollup>, window: Window): WindowFigures["points"] {
  const step = stepOf(window);
  const points: WindowFigures["points"] = [];
  for (let at = window.since - (window.since % step); at <= window.now; at += step) {
    const rollup = times.get(at);
    const summary = summarize(rollup ? [rollup] : []);
    points.push({ at, count: summary.count, value: valueOf(metric, summary) });
  }
  return points;
}
