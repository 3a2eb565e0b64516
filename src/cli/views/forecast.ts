import { z } from "zod";
import type { Plan } from "../../workflow-engine/index.ts";
import type { Output } from "../output.ts";
import { dollars, grouped, seconds } from "./amounts.ts";
import { planView } from "./workflow.ts";

const range = z.object({ p50: z.number(), p90: z.number() });
type Range = z.output<typeof range>;
const amounts = { ms: range.nullable(), tokens: range.nullable(), usd: range.nullable() };

export const forecastShape = z.object({
  workflow: z.string(),
  basis: z.string(),
  runs: z.number(),
  ...amounts,
  nodes: z.array(
    z.object({
      node: z.string(),
      type: z.string(),
      model: z.string().nullable(),
      count: z.number(),
      ...amounts,
    }),
  ),
  approvals: z.array(
    z.object({
      node: z.string(),
      what: z.string(),
    }),
  ),
  warnings: z.array(z.string()),
  cheaper: z.array(
    z.object({
      model: z.string(),
      usd: range,
    }),
  ),
  plan: z.custom<Plan>((value) => typeof value === "object" && value !== null),
});

const BASES: Record<string, (runs: number) => string> = {
  definition: (runs) => `from ${runs} past ${runs === 1 ? "run" : "runs"} of it as it is`,
  workflow: (runs) => `from ${runs} past ${runs === 1 ? "run" : "runs"} of it as it was before`,
  nodes: () => "from past runs of its nodes",
};

/** A run that was not begun: its plan, what it would use, whom it would ask. */
export function forecastView(forecast: z.output<typeof forecastShape>, output: Output): string {
  const { basis, runs, ms, tokens, usd, nodes, approvals, warnings, cheaper, plan } = forecast;
  const known = nodes.filter(({ count }) => count > 0);
  const rows = known.map((row) => [
    row.node,
    row.model ?? "",
    said(row.ms, seconds),
    row.tokens?.p90 ? said(row.tokens, grouped) : "",
    row.tokens?.p90 ? said(row.usd, dollars) : "",
  ]);
  return [
    planView(plan, output),
    "",
    output.style(
      "bold",
      basis === "none" ? "It never ran, so nothing is known of what it uses." : "It would probably use",
    ),
    ...(basis === "none"
      ? []
      : [
          `  ${said(ms, seconds)} of work${tokens?.p90 === 0 ? "" : `, ${said(tokens, grouped)} tokens, ${said(usd, dollars)}`}`,
          output.style(
            "dim",
            `  half of the runs and nine of ten; ${BASES[basis]?.(runs) ?? ""}${runs < 20 ? ", few, so the upper end is wide" : ""}`,
          ),
        ]),
    ...(rows.length === 0 ? [] : ["", output.table(["NODE", "MODEL", "TIME", "TOKENS", "COST"], rows)]),
    ...(approvals.length === 0 ? [] : ["", output.style("bold", "It would ask a person")]),
    ...approvals.map(({ node, what }) => `  ${node}: ${what}`),
    ...(warnings.length === 0 ? [] : [""]),
    ...warnings.map((warning) => output.style("yellow", `! ${warning}`)),
    ...cheaper.map(({ model, usd: less }) => `  with ${model}: ${said(less, dollars)}`),
    "",
    output.style("dim", "Nothing was begun."),
  ].join("\n");
}

/** `1.2 s to 3.0 s`, one amount where both are the same. */
function said(amount: Range | null, say: (amount: number) => string): string {
  if (amount === null) return "unknown";
  const [from, to] = [say(amount.p50), say(amount.p90)];
  return from === to ? from : `${from} to ${to}`;
}
