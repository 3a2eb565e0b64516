import { z } from "zod";

const limits = z.strictObject({
  usd: z.number().positive().optional().describe("US dollars."),
  tokens: z.int().positive().optional().describe("Tokens, of prompts and answers together."),
});
const periods = z.strictObject({ day: limits.optional(), month: limits.optional() });

/** `workflows.budgets` of specloop.yaml: what all runs of a day or a month may use. */
export const budgetOptions = z.strictObject({
  timeZone: z
    .string()
    .default("UTC")
    .refine(isTimeZone, "there is no such time zone")
    .describe("Where a day begins, such as `Europe/Berlin`."),
  day: limits.optional().describe("All runs of a day."),
  month: limits.optional().describe("All runs of a calendar month."),
  eachWorkflow: periods.optional().describe("The same for each workflow that is not named."),
  eachPrincipal: periods.optional().describe("The same for each person or agent that is not named."),
  workflows: z.record(z.string(), periods).default({}).describe("By the name of a workflow."),
  principals: z.record(z.string(), periods).default({}).describe("By who starts runs: `agent:nightly`, `person:ada`."),
});

export type BudgetOptions = z.output<typeof budgetOptions>;
export type PeriodLimits = z.output<typeof limits>;

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name }).format(0);
    return true;
  } catch {
    return false;
  }
}
