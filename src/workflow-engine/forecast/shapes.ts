import { z } from "zod";

const range = z.object({ p50: z.number(), p90: z.number() });
const unknown = range.nullable();

export const forecast = z.object({
  workflow: z.string(),
  hash: z.string(),
  basis: z
    .enum(["definition", "workflow", "nodes", "none"])
    .describe("From runs of this definition, of others of this name, of its nodes, or nothing"),
  runs: z.int().describe("How many of them; few make the upper ends wide"),
  ms: unknown.describe("Milliseconds of work, without waits"),
  tokens: unknown,
  usd: unknown.describe("Null: unknown, never nothing"),
  nodes: z.array(
    z.object({
      node: z.string(),
      type: z.string(),
      model: z.string().nullable(),
      count: z.int(),
      ms: unknown,
      tokens: unknown,
      usd: unknown,
    }),
  ),
  approvals: z.array(z.object({ node: z.string(), what: z.string() })).describe("What a person will be asked"),
  warnings: z.array(z.string()),
  cheaper: z
    .array(z.object({ model: z.string(), usd: range }))
    .describe("What the same tokens would cost with models whose price is known"),
});

export type Forecast = z.output<typeof forecast>;
