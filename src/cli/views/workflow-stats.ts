import { z } from "zod";
import type { Output } from "../output.ts";
import { dollars, grouped, seconds } from "./amounts.ts";

const cost = z.object({ usd: z.number(), unpriced: z.number(), tokensIn: z.number(), tokensOut: z.number() });
const figures = z.object({
  count: z.number(),
  succeeded: z.number(),
  failed: z.number(),
  cancelled: z.number(),
  cost,
  success: z
    .object({
      share: z.number(),
      low: z.number(),
      high: z.number(),
    })
    .nullable(),
  ms: z
    .object({
      min: z.number(),
      mean: z.number(),
      p95: z.number(),
    })
    .nullable(),
  failures: z.record(z.string(), z.number()),
});
const spent = z.object({ key: z.string(), calls: z.number(), ...cost.shape });
const common = {
  from: z.string(),
  timeZone: z.string(),
  runs: figures,
  days: z.array(
    z.object({
      day: z.string(),
      count: z.number(),
      failed: z.number(),
      cost,
    }),
  ),
  spending: z.object({
    total: spent.omit({ key: true }),
    byModel: z.array(spent),
    byPrincipal: z.array(spent),
  }),
};
export const statsShape = z.object({
  overview: z
    .object({
      ...common,
      workflows: z.array(figures.extend({ name: z.string() })),
      budgets: z.array(
        z.object({
          scope: z.string(),
          per: z.string(),
          period: z.string(),
          unit: z.enum(["usd", "tokens"]),
          limit: z.number(),
          used: z.number(),
          unpriced: z.number(),
        }),
      ),
    })
    .nullable(),
  workflow: z
    .object({
      ...common,
      name: z.string(),
      versions: z.array(
        figures.extend({
          hash: z.string(),
          first: z.string(),
          last: z.string(),
        }),
      ),
      nodes: z.array(
        figures.extend({
          node: z.string(),
          type: z.string(),
          retries: z.number(),
          skipped: z.number(),
        }),
      ),
    })
    .nullable(),
});
type Stats = z.output<typeof statsShape>;
type Figures = z.output<typeof figures>;

/** How workflows went, or one of them with its definitions and nodes. */
export function statsView({ overview, workflow }: Stats, output: Output): string {
  if (overview) return overviewText(overview, output);
  return workflow ? workflowText(workflow, output) : "";
}

const HEADS = ["RUNS", "WENT WELL", "MEAN", "P95", "COST", ""];

function overviewText(overview: NonNullable<Stats["overview"]>, output: Output): string {
  const { from, timeZone, workflows, runs, spending, budgets, days } = overview;
  const since = output.style("dim", `since ${from} (days of ${timeZone})`);
  if (workflows.length === 0) return `No run has ended ${since}.`;
  const rows = [...workflows.map((row) => [row.name, ...cells(row)]), ["all", ...cells(runs)]];
  return [
    since,
    output.table(["WORKFLOW", ...HEADS], rows),
    ...dayLines(days, output),
    ...spendingLines(spending, output),
    ...(budgets.length === 0 ? [] : ["", output.style("bold", "budgets")]),
    ...budgets.map(({ scope, per, unit, limit, used, unpriced }) => {
      const say = unit === "usd" ? dollars : grouped;
      const share = Math.round((used / limit) * 100);
      const style = share >= 100 ? "red" : share >= 80 ? "yellow" : "green";
      const more = unit === "usd" && unpriced > 0 ? `, and ${unpriced} calls of unknown price` : "";
      const text = `${say(used)} of ${say(limit)}${unit === "tokens" ? " tokens" : ""} (${share} %)`;
      return `  ${scope}, this ${per}: ${output.style(style, text)}${more}`;
    }),
  ].join("\n");
}

function workflowText(
  { name, from, timeZone, runs, versions, nodes, days, spending }: NonNullable<Stats["workflow"]>,
  output: Output,
): string {
  return [
    `${output.style("bold", name)}  ${output.style("dim", `since ${from} (days of ${timeZone})`)}`,
    output.table(
      ["DEFINITION", "UNTIL", ...HEADS],
      [...versions.map((row) => [row.hash.slice(0, 12), row.last, ...cells(row)]), ["all", "", ...cells(runs)]],
    ),
    "",
    output.table(
      ["NODE", "TYPE", "RETRIES", "SKIPPED", ...HEADS],
      nodes.map((row) => [row.node, row.type, count(row.retries), count(row.skipped), ...cells(row)]),
    ),
    ...dayLines(days, output),
    ...spendingLines(spending, output),
  ].join("\n");
}

function cells({ count: runs, success, ms, cost: used, failures, cancelled }: Figures): string[] {
  return [
    String(runs),
    success ? `${percent(success.share)} (${Math.round(success.low * 100)}–${percent(success.high)})` : "",
    ms ? seconds(ms.mean) : "",
    ms ? seconds(ms.p95) : "",
    money(used),
    [...Object.entries(failures), ...(cancelled > 0 ? [["cancelled", cancelled] as const] : [])]
      .map(([kind, times]) => `${times} ${kind}`)
      .join(", "),
  ];
}

function money({ usd, unpriced, tokensIn, tokensOut }: z.output<typeof cost>): string {
  const tokens = tokensIn + tokensOut;
  if (tokens === 0) return "";
  const price = unpriced > 0 ? (usd > 0 ? `${dollars(usd)} and more` : "price unknown") : dollars(usd);
  return `${price}, ${grouped(tokens)} tokens`;
}

const BARS = "▁▂▃▄▅▆▇█";

/** Runs a day, as high as the busiest. */
function dayLines(days: NonNullable<Stats["overview"]>["days"], output: Output): string[] {
  if (days.length < 2) return [];
  const most = Math.max(...days.map(({ count: runs }) => runs));
  const bars = days.map(({ count: runs, failed }) => {
    const bar = BARS[Math.min(BARS.length - 1, Math.floor((runs / most) * (BARS.length - 1)))] ?? "";
    return failed > 0 ? output.style("red", bar) : output.style("green", bar);
  });
  return ["", `runs a day  ${bars.join("")}  ${days[0]!.day} to ${days.at(-1)!.day}, at most ${most}`];
}

function spendingLines({ byModel, byPrincipal }: NonNullable<Stats["overview"]>["spending"], output: Output): string[] {
  if (byModel.length === 0) return [];
  const rows = (list: z.output<typeof spent>[], what: string) =>
    list.map((row, index) => [
      index === 0 ? what : "",
      row.key === "" ? "not said" : row.key,
      String(row.calls),
      money(row),
    ]);
  return [
    "",
    output.table(["SPENT BY", "", "CALLS", "COST"], [...rows(byModel, "model"), ...rows(byPrincipal, "caller")]),
  ];
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

function count(times: number): string {
  return times === 0 ? "" : String(times);
}
