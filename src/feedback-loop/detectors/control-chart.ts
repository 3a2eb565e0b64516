import { batchesOf, pointOf } from "../figures.ts";
import { METRICS, type Metric } from "../metrics/index.ts";
import type { Tunables } from "../ports.ts";
import type { Candidate, Problem } from "../problem.ts";
import { chartLimits, mean, type ChartLimits } from "../statistics.ts";
import type { BatchRow } from "../tables.ts";
import type { Detector } from "./detector.ts";

const POINTS = 60;
/** Points that are judged; the ones before them say what is usual. */
const NEWEST = 8;
/** Points that have to say what is usual before anything is called unusual. */
const BASELINE = 20;
/** Changes smaller than these are not worth a look, however sure: shares in points, amounts as a logarithm of 10 %. */
const WORTH_A_LOOK = {
  share: 0.05,
  ms: Math.log(1.1),
  tokens: Math.log(1.1),
  usd: Math.log(1.1),
  count: 0.5,
} as const;
/** Amounts vary by factors: their charts are of logarithms, of nothing less than this. */
const LEAST = { ms: 0.001, tokens: 1, usd: 0.000_001 } as const;

/** Watches the medians of 20 samples. An alarm opens a check: it names what could be tried and decides nothing. */
export const controlChart: Detector = {
  name: "control_chart",
  what: "A metric became worse than its own variation explains (XmR chart of batches of 20, limits corrected for lag 1).",
  detect: async ({ samples, tunables }) => {
    const problems: Problem[] = [];
    for (const metric of METRICS) {
      const batches = await batchesOf(samples, metric.name, POINTS);
      const alarm = chartAlarm(
        metric,
        batches.map((batch) => pointOf(metric, batch)),
      );
      if (alarm) problems.push(describe(metric, batches, { alarm, tunables }));
    }
    return problems;
  },
};

export interface Alarm {
  rule: "one point beyond the limit" | "the mean of 8 points beyond its limit";
  limits: ChartLimits;
}

/** Whether the newest points are worse than the points before them explain. Points are in the metric's own unit. */
export function chartAlarm(metric: Pick<Metric, "unit" | "better">, points: readonly number[]): Alarm | null {
  if (points.length < BASELINE + NEWEST) return null;
  const { unit } = metric;
  const scale = unit === "share" || unit === "count" ? null : LEAST[unit];
  const scaled = points.map((point) => (scale === null ? point : Math.log(Math.max(point, scale))));
  // One direction only: what counts as worse grows.
  const sign = metric.better === "lower" ? 1 : -1;
  const worse = scaled.map((point) => point * sign);
  const limits = chartLimits(worse.slice(0, -NEWEST));
  const newest = worse.slice(-NEWEST);
  const least = limits.centre + WORTH_A_LOOK[unit];
  const recent = newest.slice(-3).filter((point) => point > limits.upper && point > least);
  if (recent.length > 0) return { rule: "one point beyond the limit", limits };
  // Neighbours that resemble each other make means vary more: the factor is that of an AR(1) process.
  const widened = Math.sqrt((1 + limits.lag1) / (1 - limits.lag1) / NEWEST);
  const meanLimit = limits.centre + (limits.upper - limits.centre) * widened;
  const level = mean(newest);
  return level > meanLimit && level > least ? { rule: "the mean of 8 points beyond its limit", limits } : null;
}

function describe(
  metric: Metric,
  batches: BatchRow[],
  { alarm, tunables }: { alarm: Alarm; tunables: Tunables },
): Problem {
  const usual = mean(batches.slice(0, -NEWEST).map((batch) => pointOf(metric, batch)));
  const now = mean(batches.slice(-NEWEST).map((batch) => pointOf(metric, batch)));
  return {
    code: "metric_worse",
    metric: metric.name,
    summary: `${metric.name} became worse: ${show(metric, usual)} is usual, now ${show(metric, now)}.`,
    evidence: [
      { label: "usual (mean of points)", value: round(usual) },
      { label: `newest ${NEWEST} points`, value: round(now) },
      { label: "rule", value: alarm.rule },
      { label: "correlation of neighbours", value: round(alarm.limits.lag1) },
      ...batches.slice(-NEWEST).map((batch) => ({
        label: `point of samples ${batch.from_id} to ${batch.to_id}`,
        value: round(pointOf(metric, batch)),
        ref: String(batch.to_id),
      })),
    ],
    candidates: related(metric, tunables),
    baseline: round(usual),
    expected: null,
  };
}

/** Settings of the part that the metric is about; which value would help is not known from a chart. */
function related(metric: Metric, tunables: Tunables): Candidate[] {
  const section = { question: "questions.", answer: "questions.", document: "documents.", llm: "llm." }[
    metric.name.split(".")[0]!
  ];
  if (section === undefined || !metric.replay) return [];
  return Object.entries(tunables)
    .filter(([key]) => key.startsWith(section))
    .map(([key, { range, current }]) => ({ kind: "setting", key, from: current(), range, suggested: null }));
}

function show(metric: Metric, value: number): string {
  if (metric.unit === "share") return `${Math.round(value * 100)} %`;
  return metric.unit === "ms" ? `${round(value)} ms` : String(round(value));
}

function round(value: number): number {
  return Number(value.toPrecision(4));
}
