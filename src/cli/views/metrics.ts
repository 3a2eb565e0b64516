import { z } from "zod";
import type { Output } from "../output.ts";
import { quoted, type Reader, typed } from "../wording.ts";

const figure = z.number().nullable();
const point = z.object({ at: z.number(), count: z.number(), value: figure });
const summary = z.object({ count: z.number(), mean: figure, median: figure, p95: figure, p99: figure, max: figure });
const described = z.object({
  metric: z.string(),
  title: z.string(),
  what: z.string(),
  unit: z.string(),
  better: z.string(),
});
const listed = described.extend({ count: z.number(), value: figure, trend: figure, points: z.array(point) });
const all = z.object({ days: z.number(), metrics: z.array(listed) });
const one = described.extend({
  ...summary.shape,
  days: z.number(),
  trend: figure,
  points: z.array(point),
  parts: z.array(summary.extend({ labels: z.record(z.string(), z.string()) })),
});
const rows = z.object({
  unit: z.string(),
  about: z.string(),
  samples: z.array(
    z.object({ at: z.number(), value: z.number(), ref: z.string().nullable(), labels: z.string().nullable() }),
  ),
  nextCursor: z.string().nullable(),
});

const BARS = "▁▂▃▄▅▆▇█";

/** Every metric that has samples: its figure, which way it goes, and on a terminal its course. */
export function metricsView(result: unknown, output: Output, reader: Reader): string {
  const { days, metrics } = all.parse(result);
  const known = metrics.filter(({ count }) => count > 0);
  const silent = metrics.length - known.length;
  const why = typed("specloop metrics why NAME", reader);
  if (known.length === 0) return `Nothing was measured in the last ${days} days.`;
  return [
    output.table(
      ["METRIC", "WHAT", "FIGURE", "SAMPLES", "TREND", `LAST ${days} DAYS`],
      known.map(({ metric, title, unit, better, value, count, trend, points }) => [
        metric,
        title,
        inUnit(value, unit),
        String(count),
        trendText(output, trend, { unit, better }),
        output.terminal ? course(points) : "",
      ]),
    ),
    "",
    `Times are medians, everything else means. The rows behind a figure: ${why}`,
    ...(silent === 0 ? [] : [`${silent} metrics have no samples in these days.`]),
  ].join("\n");
}

/** One metric, as a whole and by its labels. */
export function metricView(result: unknown, output: Output, reader: Reader): string {
  const { metric, what, unit, better, days, count, trend, points, parts, ...figures } = one.parse(result);
  const head = `${output.style("bold", metric)}  ${what} (${better} is better)`;
  if (count === 0) return `${head}\nIt has no samples in the last ${days} days.`;
  const row = (label: string, part: z.output<typeof summary>) => [
    label,
    String(part.count),
    ...[part.mean, part.median, part.p95, part.p99, part.max].map((value) => inUnit(value, unit)),
  ];
  return [
    head,
    "",
    output.table(
      [`LAST ${days} DAYS`, "SAMPLES", "MEAN", "MEDIAN", "P95", "P99", "MOST"],
      [row("all", { count, ...figures }), ...parts.map((part) => row(labelsText(part.labels), part))],
    ),
    "",
    `trend   ${trendText(output, trend, { unit, better }) || "too few samples"}`,
    ...(output.terminal ? [`course  ${course(points)}`] : []),
    `rows    ${typed(`specloop metrics why ${metric} --days ${days}`, reader)}`,
  ].join("\n");
}

/** Where a person looks further, by what a row is about. */
const FURTHER: Record<string, (ref: string) => string> = {
  question: (ref) => `specloop question ${ref}`,
  change: (ref) => `specloop change show ${quoted(ref)}`,
  document: (ref) => `specloop doc history ${quoted(ref)}`,
  run: (ref) => `specloop run show ${ref}`,
  node: (ref) => `specloop run show ${ref.split("/")[0]}`,
};

/** The rows behind a figure, and the command that tells more of each. */
export function metricRowsView(result: unknown, output: Output, reader: Reader & { asked: string }): string {
  const { about, unit, samples, nextCursor } = rows.parse(result);
  if (samples.length === 0) return "There are no such rows.";
  const further = FURTHER[about];
  const newest = samples.find(({ ref }) => ref !== null)?.ref;
  const more = `specloop metrics why ${reader.asked} --cursor ${nextCursor}`;
  return [
    output.table(
      ["WHEN", "VALUE", about.toUpperCase(), "LABELS"],
      samples.map(({ at, value, ref, labels }) => [
        new Date(at).toISOString().replace("T", " ").slice(0, 19),
        inUnit(value, unit),
        ref ?? "",
        labels === null ? "" : labelsText(z.record(z.string(), z.string()).parse(JSON.parse(labels))),
      ]),
    ),
    ...(further && newest ? ["", `More of one: ${typed(further(newest), reader)}`] : []),
    ...(nextCursor ? [`Older ones: ${typed(more, reader)}`] : []),
  ].join("\n");
}

function labelsText(labels: Record<string, string>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(", ");
}

/** One bar for each hour or day, a gap where nothing was measured. Bars begin at 0. */
function course(points: z.output<typeof point>[]): string {
  const most = points.reduce((max, { value }) => Math.max(max, value ?? 0), 0);
  return points.map(({ value }) => (value === null ? " " : barOf(value, most))).join("");
}

function barOf(value: number, most: number): string {
  const place = most === 0 ? 0 : Math.round((value / most) * (BARS.length - 1));
  return BARS[Math.max(0, place)]!;
}

function trendText(output: Output, trend: number | null, { unit, better }: { unit: string; better: string }): string {
  if (trend === null) return "";
  const percent = Math.round(trend * 100);
  const text = `${percent > 0 ? "+" : ""}${percent} ${unit === "share" ? "points" : "%"}`;
  if (percent === 0) return output.style("dim", text);
  return output.style(percent > 0 === (better === "higher") ? "green" : "yellow", text);
}

/** A figure as people say it. */
function inUnit(value: number | null, unit: string): string {
  if (value === null) return "";
  if (unit === "share") return `${short(value * 100)} %`;
  if (unit === "usd") return `$${value > 0 && value < 0.01 ? value.toPrecision(2) : value.toFixed(2)}`;
  return unit === "ms" ? duration(value) : short(value);
}

function duration(ms: number): string {
  if (ms < 1000) return `${short(ms)} ms`;
  if (ms < 120_000) return `${short(ms / 1000)} s`;
  if (ms < 7_200_000) return `${short(ms / 60_000)} min`;
  return ms < 172_800_000 ? `${short(ms / 3_600_000)} h` : `${short(ms / 86_400_000)} days`;
}

function short(value: number): string {
  return String(Number(value.toPrecision(3)));
}
