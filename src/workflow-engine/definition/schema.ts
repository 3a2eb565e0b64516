import { z } from "zod";
import { FAILURES } from "../plan.ts";

/** Node keys stand in expressions and in paths such as `files[3]/fix`. */
export const KEY = /^[a-z][a-z0-9_-]{0,62}$/;
const NAME = /^[a-z0-9][a-z0-9._-]{0,99}$/;
const LOCAL = /^[a-z][a-zA-Z0-9_]{0,62}$/;

const UNITS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const MAX_DURATION = 365 * 86_400_000;

/** Of `500ms`, `30s`, `10m`, `2h`, `7d`; not a number of anything else. */
export function milliseconds(text: string): number {
  const [, amount, unit] = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text) ?? [];
  return Number(amount) * (UNITS[unit ?? ""] ?? Number.NaN);
}

const duration = z
  .string()
  .refine((text) => milliseconds(text) <= MAX_DURATION, "a time is written 500ms, 30s, 10m, 2h or 7d, and at most 365d")
  .describe("A time: 500ms, 30s, 10m, 2h or 7d");

export const budget = z
  .strictObject({
    usd: z.number().positive().max(1e6).optional(),
    tokens: z.int().positive().optional(),
    time: duration.optional(),
  })
  .describe("Limits of money, tokens and running time; the first that is reached pauses the run and asks a person");

export const retry = z
  .union([
    z.int().min(0).max(100),
    z.strictObject({
      max: z.int().min(0).max(100),
      delay: duration.optional(),
      factor: z.number().min(1).max(10).optional(),
      max_delay: duration.optional(),
      jitter: z.number().min(0).max(1).optional(),
      on: z.array(z.enum(FAILURES)).min(1).optional(),
    }),
  ])
  .describe("Further attempts after the first");

const text = z.string().max(2000);

/** What every step may have, also one that stands in for another. */
const step = {
  type: z.string(),
  description: text.optional(),
  retry: retry.optional(),
  timeout: duration.optional().describe("Of one attempt"),
  on_crash: z.enum(["retry", "fail", "ask"]).optional().describe("After a crash in the middle of an attempt"),
  budget: budget.optional(),
};
export const stepFields = z.object(step);

/** What a node of the graph may have. */
export const nodeFields = z.object({
  ...step,
  needs: z
    .union([z.string(), z.array(z.string()).max(500)])
    .optional()
    .describe("Keys of the nodes that come before it"),
  run_if: z.enum(["all_ok", "any_ok", "all_done"]).optional().describe("What its needs must have come to"),
  when: z.union([z.string(), z.boolean()]).optional().describe("CEL; the node is skipped where it is false"),
  fallback: z
    .union([z.strictObject({ node: z.unknown() }), z.strictObject({ value: z.unknown() })])
    .optional()
    .describe("Instead of failing: another step, or a value"),
  undo: z.unknown().optional().describe("A step that takes back what the node did"),
  snapshot: z.boolean().optional().describe("Keep the state of the repository before it"),
  as: z.string().regex(LOCAL, "a name begins with a letter").optional().describe("The item's name in the body"),
  do: z.record(z.string(), z.unknown()).optional().describe("The nodes that are done for each item"),
});

export const workflowFields = z.strictObject({
  name: z.string().regex(NAME, "a name has small letters, digits, hyphens, dots and underscores"),
  version: z.union([z.int().min(0), z.string().regex(/^[\w.+-]{1,50}$/, "a version is a number or a word")]).optional(),
  description: text.optional(),
  inputs: z
    .record(z.string().regex(/^[A-Za-z_][\w-]{0,62}$/, "an input's name begins with a letter"), z.unknown())
    .optional(),
  secrets: z
    .array(z.string().regex(/^[A-Za-z_]\w{0,99}$/, "a secret is named by a word"))
    .max(50)
    .optional()
    .describe("Names; values come from the environment when a node is carried out"),
  budget: budget.optional(),
  defaults: z.strictObject({ retry: retry.optional(), timeout: duration.optional() }).optional(),
  nodes: z.record(z.string(), z.unknown()),
  output: z.record(z.string().min(1).max(100), z.string()).optional().describe("CEL of each field of the run's output"),
});

export type WorkflowFields = z.output<typeof workflowFields>;
export type NodeFields = z.output<typeof nodeFields>;
export type StepFields = z.output<typeof stepFields>;
