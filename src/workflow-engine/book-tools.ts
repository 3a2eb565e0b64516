import { z } from "zod";
import { defineTool, type Tool } from "../foundation/tool.ts";
import type { WorkflowBooks } from "./books.ts";
import { forecast, type Forecast } from "./forecast/shapes.ts";
import { budgetInput, given } from "./run-schemas.ts";
import { overview, workflowStatistics, type Figures } from "./statistics/shapes.ts";

const workflow = z.string().min(1).max(200);
const days = z.int().min(1).max(3650).default(30).describe("Days, today included");

/** The tools of what runs cost and how they went. */
export function bookTools(books: WorkflowBooks): Tool[] {
  return [forecastTool(books), statsTool(books)];
}

function forecastTool(books: WorkflowBooks): Tool {
  return defineTool({
    name: "workflow_forecast",
    title: "Forecast a run",
    description:
      "What a run would probably use of time, tokens and money, from the past, before it begins; whom it will ask; what " +
      "exceeds a budget; cheaper models. Nothing is begun. Unknown stays null.",
    input: z.object({
      name: workflow,
      input: z.record(z.string(), z.unknown()).optional().describe("Checked as a run would check it"),
      budget: budgetInput.optional(),
    }),
    output: z.object({ ...forecast.shape, plan: z.record(z.string(), z.unknown()) }),
    effect: "read",
    toolset: "full",
  }).handle({
    run: async ({ budget, ...request }, { principal }) => {
      const found = await books.forecast({ ...request, budget: given(budget) }, principal);
      return { ...found.forecast, plan: { ...found.plan } };
    },
    render: renderForecast,
  });
}

function statsTool(books: WorkflowBooks): Tool {
  return defineTool({
    name: "workflow_stats",
    title: "Statistics of workflows",
    description:
      "How runs went: success with its interval, times, failures by kind, retries, cost by day, model and caller, budgets. " +
      "With `name` one workflow with its definitions and nodes.",
    input: z.object({ name: workflow.optional(), days }),
    output: z.object({ overview: overview.nullable(), workflow: workflowStatistics.nullable() }),
    effect: "read",
    toolset: "full",
  }).handle({
    run: async ({ name, days: last }) =>
      name === undefined
        ? { overview: await books.statistics.overview(last), workflow: null }
        : { overview: null, workflow: await books.statistics.of(name, last) },
    render: ({ overview: all, workflow: one }) => {
      const rows =
        all?.workflows.map((row) => line(row.name, row)) ?? one?.nodes.map((row) => line(row.node, row)) ?? [];
      const runs = all?.runs ?? one?.runs;
      const budgets = (all?.budgets ?? []).map(
        ({ scope, per, period, unit, limit, used }) =>
          `- budget of ${scope} in the ${per} ${period}: ${used} of ${limit} ${unit}`,
      );
      return [...(runs ? [line("runs", runs)] : []), ...rows, ...budgets].join("\n");
    },
  });
}

function line(name: string, { count, success, ms, cost }: Figures): string {
  const share = success ? `${Math.round(success.share * 100)} % of ${count} went well` : `${count}, none ended`;
  const time = ms ? `, ${Math.round(ms.mean)} ms on average, p95 ${Math.round(ms.p95)} ms` : "";
  const price = cost.unpriced > 0 ? "price unknown" : `$${cost.usd.toFixed(4)}`;
  const tokens = cost.tokensIn + cost.tokensOut;
  return `- ${name}: ${share}${time}${tokens > 0 ? `, ${tokens} tokens, ${price}` : ""}`;
}

function renderForecast({
  workflow: name,
  basis,
  runs,
  ms,
  tokens,
  usd,
  approvals,
  warnings,
  cheaper,
}: Forecast): string {
  const range = (said: string, amounts: { p50: number; p90: number } | null, digits: number) =>
    `${said}: ${amounts ? `about ${amounts.p50.toFixed(digits)}, mostly below ${amounts.p90.toFixed(digits)}` : "unknown"}`;
  return [
    `${name}: ${basis === "none" ? "nothing is known of it" : `from ${runs} past ${basis === "nodes" ? "uses of its nodes" : "runs"}`}`,
    range("ms of work", ms, 0),
    range("tokens", tokens, 0),
    range("USD", usd, 4),
    ...approvals.map(({ node, what }) => `asks a person at ${node}: ${what}`),
    ...warnings.map((warning) => `warning: ${warning}`),
    ...cheaper.map(({ model, usd: less }) => `cheaper: ${model}, about ${less.p50.toFixed(4)} USD`),
  ].join("\n");
}
