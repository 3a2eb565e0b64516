import { z } from "zod";

/** Shapes of statistics as tools give them. Times are milliseconds. */
const share = z.object({ share: z.number(), low: z.number(), high: z.number() });

const money = z.object({
  usd: z.number().describe("Of the calls whose price is known"),
  unpriced: z.int().describe("Calls whose price nobody knows"),
  tokensIn: z.int(),
  tokensOut: z.int(),
});

const figures = z.object({
  count: z.int(),
  succeeded: z.int(),
  failed: z.int(),
  cancelled: z.int(),
  success: share.nullable().describe("Of those that succeeded or failed, with its 95 % interval"),
  ms: z
    .object({ min: z.number(), mean: z.number(), p95: z.number() })
    .nullable()
    .describe("Work without waits, of those that succeeded; p95 within 5 %"),
  failures: z.record(z.string(), z.int()).describe("How many by kind"),
  cost: money,
});

const dayFigures = z.object({
  day: z.string(),
  count: z.int(),
  succeeded: z.int(),
  failed: z.int(),
  cancelled: z.int(),
  cost: money,
});

const spent = z.object({ key: z.string(), calls: z.int(), ...money.shape });

const standing = z.object({
  scope: z.string(),
  per: z.enum(["day", "month"]),
  period: z.string(),
  unit: z.enum(["usd", "tokens"]),
  limit: z.number(),
  used: z.number(),
  reserved: z.number(),
  unpriced: z.int(),
});

export const overview = z.object({
  from: z.string(),
  timeZone: z.string(),
  runs: figures,
  workflows: z.array(figures.extend({ name: z.string() })),
  days: z.array(dayFigures),
  spending: z.object({
    total: spent.omit({ key: true }),
    byModel: z.array(spent),
    byPrincipal: z.array(spent),
  }),
  budgets: z.array(standing),
});

export const workflowStatistics = z.object({
  from: z.string(),
  timeZone: z.string(),
  name: z.string(),
  runs: figures,
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
      retries: z.int(),
      skipped: z.int(),
    }),
  ),
  days: z.array(dayFigures),
  spending: z.object({
    total: spent.omit({ key: true }),
    byModel: z.array(spent),
    byPrincipal: z.array(spent),
  }),
});

export type Figures = z.output<typeof figures>;
export type Overview = z.output<typeof overview>;
export type WorkflowStatistics = z.output<typeof workflowStatistics>;
