import { z } from "zod";
import { SpecloopError } from "../foundation/errors.ts";
import { defineTool, type Tool } from "../foundation/tool.ts";
import type { FeedbackLoop } from "./loop.ts";
import type { Metric } from "./metrics/index.ts";
import { valueOf } from "./samples-window.ts";

type Loop = Pick<FeedbackLoop, "metrics">;

const figure = z.number().nullable();
const DAYS = { least: 1, most: 3650 };
const days = z.int().min(DAYS.least).max(DAYS.most);
const summary = {
  count: z.number(),
  sum: z.number(),
  mean: figure,
  deviation: figure,
  min: figure,
  max: figure,
  median: figure,
  p95: figure,
  p99: figure,
};
const points = z.array(z.object({ at: z.number(), count: z.number(), value: figure }));
/** What is listed of a metric; its parts are asked for one by one. */
const shown = { ...summary, trend: figure, points };
const described = { metric: z.string(), title: z.string(), what: z.string(), unit: z.string(), better: z.string() };

/** What there is to know of metrics: all of them, one of them, the rows behind one. */
export function metricTools(loop: Loop): Tool[] {
  return [metricList(loop), metricGet(loop), metricWhy(loop)];
}

function metricList(loop: Loop): Tool {
  return defineTool({
    name: "metric_list",
    title: "All metrics",
    description: "Lists every metric with its figure over the last days and its trend; metric_get tells more of one.",
    input: z.object({
      days: days.default(7).describe("How many days back"),
      of: z.string().max(100).default("").describe("Only metrics that begin so: question, run, llm"),
    }),
    output: z.object({
      days: z.number(),
      since: z.number(),
      metrics: z.array(z.object({ ...described, ...shown, value: figure })),
    }),
    effect: "read",
    toolset: "full",
  }).handle({
    run: async (input) => {
      const { window, metrics } = await loop.metrics.list(input.days, input.of);
      const rows = metrics.map(({ metric, ...figures }) => ({
        ...describe(metric),
        ...z.object(shown).parse(figures),
        value: valueOf(metric, figures),
      }));
      return { days: window.days, since: window.since, metrics: rows };
    },
    render: ({ days: back, metrics }) =>
      [
        `The last ${back} days; times are medians, everything else means.`,
        ...metrics
          .filter(({ count }) => count > 0)
          .map(
            ({ metric, unit, value, count, trend, better }) =>
              `- ${metric}: ${showFigure(value)} ${unit} of ${count} (${better} is better, trend ${showFigure(trend)})`,
          ),
      ].join("\n"),
  });
}

function metricGet(loop: Loop): Tool {
  return defineTool({
    name: "metric_get",
    title: "Figures of a metric",
    description:
      "Gives count, mean, quantiles, trend and series of one metric, also for each of its labels. metric_why lists the rows behind them.",
    input: z.object({
      metric: z.string().max(100).describe("For example question.time_to_answer"),
      days: days.default(30).describe("How many days back"),
      points: z.int().min(1).max(200).default(30).describe("Points of the series, 20 samples each"),
    }),
    output: z.object({
      ...described,
      days: z.number(),
      since: z.number(),
      ...summary,
      last: figure,
      trend: figure.describe("Newer half of the time against the older: 0.1 is 10 % more"),
      parts: z.array(z.object({ labels: z.record(z.string(), z.string()), ...summary })),
      points,
      series: z.array(z.object({ at: z.number(), value: z.number() })),
    }),
    effect: "read",
    toolset: "full",
  }).handle({
    run: async ({ metric: name, points: most, days: back }) => {
      const { metric, window, ...figures } = await loop.metrics.figures(name, { points: most, days: back });
      return { ...describe(metric), days: window.days, since: window.since, ...figures };
    },
    render: ({ metric, what, unit, better, days: back, count, mean, median, p95, last, trend, parts, series }) =>
      [
        `**${metric}** (${unit}, ${better} is better): ${what}`,
        `${count} samples in ${back} days; mean ${showFigure(mean)}, median ${showFigure(median)}, 95th percentile ${showFigure(p95)}, last ${showFigure(last)}, trend ${showFigure(trend)}.`,
        ...parts.map(
          (part) =>
            `- ${showLabels(part.labels)}: ${part.count} samples, mean ${showFigure(part.mean)}, median ${showFigure(part.median)}, 95th percentile ${showFigure(part.p95)}`,
        ),
        `Series: ${series.map(({ value }) => showFigure(value)).join(", ") || "fewer than 20 samples"}`,
      ].join("\n\n"),
  });
}

function metricWhy(loop: Loop): Tool {
  return defineTool({
    name: "metric_why",
    title: "Rows behind a metric",
    description: "Lists the samples that a metric's figures are made from, newest first, with what each is about.",
    input: z.object({
      metric: z.string().max(100).describe("Name of the metric"),
      days: days.optional().describe("Only those of the last days, as for the figure; all that are kept when absent"),
      label: z
        .string()
        .regex(/^[a-z]{1,20}=.{1,100}$/)
        .optional()
        .describe("Only those with this label: route=documents"),
      limit: z.int().min(1).max(100).default(20).describe("Rows per page"),
      cursor: z.string().max(200).optional().describe("nextCursor of the last page"),
    }),
    output: z.object({
      unit: z.string(),
      about: z.string().describe("What ref names: question, change, document, run, node, tool, purpose or cycle"),
      samples: z.array(
        z.object({
          id: z.number(),
          at: z.number(),
          value: z.number(),
          ref: z.string().nullable(),
          labels: z.string().nullable(),
        }),
      ),
      nextCursor: z.string().nullable(),
    }),
    effect: "read",
    toolset: "full",
  }).handle({
    run: async ({ metric: name, limit, cursor, days: back, label }) => {
      const before = cursor === undefined ? undefined : sampleIdOf(cursor);
      const { metric, rows } = await loop.metrics.rows(name, { limit, before, days: back, label: labelOf(label) });
      const samples = rows.map(({ id, at, value, ref, labels }) => ({ id, at, value, ref, labels }));
      return {
        unit: metric.unit,
        about: metric.ref,
        samples,
        nextCursor: rows.length === limit ? String(rows.at(-1)!.id) : null,
      };
    },
    render: ({ about, samples, nextCursor }) =>
      [
        samples.length === 0 ? "Samples: none." : `Samples, each about a ${about}:`,
        ...samples.map(({ at, value, ref, labels }) =>
          `- ${new Date(at).toISOString()} ${showFigure(value)} ${ref ?? ""} ${labels ?? ""}`.trimEnd(),
        ),
        ...(nextCursor ? [`More with cursor ${nextCursor}.`] : []),
      ].join("\n"),
  });
}

function describe({ name, title, what, unit, better }: Metric) {
  return { metric: name, title, what, unit, better };
}

function labelOf(label: string | undefined): { name: string; value: string } | undefined {
  if (label === undefined) return undefined;
  const split = label.indexOf("=");
  return { name: label.slice(0, split), value: label.slice(split + 1) };
}

function sampleIdOf(cursor: string): number {
  if (/^[1-9]\d{0,14}$/.test(cursor)) return Number(cursor);
  throw new SpecloopError("bad_input", "The cursor is not one that was given.", { target: "cursor" });
}

function showLabels(labels: Record<string, string>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(", ");
}

function showFigure(value: number | null): string {
  return value === null ? "-" : String(Number(value.toPrecision(4)));
}
