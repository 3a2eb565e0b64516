import { z } from "zod";
import type { Output } from "../output.ts";

const statistics = z.object({
  days: z.number(),
  asks: z.number(),
  exactHits: z.number(),
  similarHits: z.number(),
  misses: z.number(),
  hitRate: z.number().nullable(),
  similar: z.object({
    given: z.number(),
    useful: z.number(),
    wrong: z.number(),
    falseHitRate: z.number().nullable(),
  }),
  routes: z.array(z.object({ route: z.string(), asks: z.number(), p50: z.number(), p95: z.number() })),
  byDay: z.array(
    z.object({ day: z.string(), asks: z.number(), exact: z.number(), similar: z.number(), falseHits: z.number() }),
  ),
});

/** How questions were answered lately. */
export function questionStatsView(result: unknown, output: Output): string {
  const shown = statistics.parse(result);
  const { days, asks, exactHits, similarHits, misses, similar, routes, byDay } = shown;
  if (asks === 0) return `Nothing was asked in the last ${days} days.`;
  const share = (count: number) => `${count} (${((100 * count) / asks).toFixed(0)} %)`;
  const judged =
    similar.given === 0
      ? "no answer was taken from a similar question"
      : `answers taken from similar questions: ${similar.given}, of them ${similar.useful} judged useful, ${similar.wrong} judged wrong`;
  return [
    output.style("bold", `${asks} asks in ${days} days`),
    `  exact hits     ${share(exactHits)}`,
    `  similar hits   ${share(similarHits)}`,
    `  answered anew or pending  ${share(misses)}`,
    `  ${similar.wrong > 0 ? output.style("yellow", judged) : judged}`,
    "",
    output.table(
      ["ROUTE", "ASKS", "P50", "P95"],
      routes.map(({ route, asks, p50, p95 }) => [named(route), String(asks), ms(p50), ms(p95)]),
    ),
    "",
    output.table(
      ["DAY", "ASKS", "EXACT", "SIMILAR", "FALSE HITS"],
      byDay.map(({ day, asks, exact, similar, falseHits }) => [day, ...[asks, exact, similar, falseHits].map(String)]),
    ),
  ].join("\n");
}

function named(route: string): string {
  return route === "none" ? "no answer yet" : route;
}

function ms(value: number): string {
  return `${value.toFixed(1)} ms`;
}
