import { amountOf, countOf, type Histogram, quantileOf } from "../statistics/histogram.ts";

/** What half of the runs stay below, and nine of ten. */
export interface Range {
  p50: number;
  p90: number;
}

/** From so many on the quantiles are read as they are. */
const ENOUGH = 20;
/** Logarithmic spread that is assumed where one run cannot show any: about a half more or less. */
const LEAST_SPREAD = 0.4;
/** One-sided 90 % points of Student's t by degrees of freedom from 1 (a table value, rounded); then the normal's. */
const T90 = [3.08, 1.89, 1.64, 1.53, 1.48, 1.44, 1.41, 1.4, 1.38, 1.37, 1.36, 1.36, 1.35, 1.35, 1.34, 1.34, 1.33, 1.33];

/**
 * What the next one will probably use. Few runs say little about it, so the upper end is then that of a prediction for one
 * more (lognormal: amounts of work are, roughly), which comes nearer with each run. Null of nothing.
 */
export function rangeOf(histogram: Histogram): Range | null {
  const count = countOf(histogram);
  const median = quantileOf(histogram, 0.5);
  if (median === null) return null;
  const p90 = quantileOf(histogram, 0.9) ?? median;
  if (count >= ENOUGH || p90 === 0) return { p50: median, p90 };
  const logs = [...histogram].flatMap(([bucket, times]) => {
    const amount = amountOf(bucket);
    return amount > 0 ? Array.from({ length: times }, () => Math.log(amount)) : [];
  });
  const mean = logs.reduce((sum, log) => sum + log, 0) / logs.length;
  const squares = logs.reduce((sum, log) => sum + (log - mean) ** 2, 0);
  const spread = Math.max(LEAST_SPREAD, Math.sqrt(squares / Math.max(1, logs.length - 1)));
  const t = T90[logs.length - 2] ?? (logs.length < 2 ? T90[0]! : 1.28);
  const predicted = Math.exp(mean + t * spread * Math.sqrt(1 + 1 / logs.length));
  return { p50: median, p90: Math.max(p90, predicted) };
}

/** Of things done one after the other: halves add up to about a half; upper ends to more than nine of ten. */
export function sumOf(ranges: readonly Range[]): Range {
  return ranges.reduce((sum, { p50, p90 }) => ({ p50: sum.p50 + p50, p90: sum.p90 + p90 }), { p50: 0, p90: 0 });
}
