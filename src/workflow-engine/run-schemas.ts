import { z } from "zod";
import { type UndoReport, undoReport } from "./rollback/shapes.ts";

/** Shapes of runs as the tools give them. Times are epoch milliseconds. */
const time = z.number().nullable();
const cost = z.object({ usd: z.number().nullable(), tokensIn: z.number(), tokensOut: z.number() });
const failure = z.object({ kind: z.string(), message: z.string() });
const limits = z.object({ usd: z.number().nullable(), tokens: z.number().nullable(), ms: z.number().nullable() });

export const runSummary = z.object({
  id: z.string(),
  workflow: z.string(),
  hash: z.string(),
  state: z.string(),
  reason: z.string().nullable(),
  startedBy: z.string(),
  createdAt: z.number(),
  endedAt: time,
  activeMs: z.number(),
  cost,
  budget: limits,
  error: z
    .object({
      ...failure.shape,
      key: z.string(),
    })
    .nullable(),
  parent: z.string().nullable(),
  forkedFrom: z.string().nullable(),
});

const nodeSummary = z.object({
  key: z.string(),
  type: z.string(),
  status: z.string(),
  reason: z.string().nullable(),
  attempt: z.int(),
  startedAt: time,
  endedAt: time,
  dueAt: time,
  signal: z.string().nullable(),
  shown: z.unknown(),
  cost,
  error: failure.nullable(),
  items: z
    .object({
      total: z.int(),
      done: z.int(),
      failed: z.int(),
      active: z.int(),
    })
    .nullable(),
});

const shown = z.union([z.object({ value: z.unknown() }), z.object({ bytes: z.int() })]).nullable();
export const runDetails = runSummary.extend({
  input: shown,
  output: shown,
  nodes: z.array(nodeSummary),
  undone: undoReport.nullable().describe("What became of each thing that it did; null: no undo was asked for"),
});

export const nodeDetails = nodeSummary.extend({
  output: z.unknown(),
  attempts: z.array(
    z.object({
      attempt: z.int(),
      outcome: z.string(),
      input: z.unknown(),
      error: failure.nullable(),
      log: z.string(),
      cost,
      startedAt: z.number(),
      endedAt: z.number(),
    }),
  ),
});

export const runEvent = z.object({
  seq: z.int(),
  key: z.string().nullable(),
  type: z.string(),
  at: z.number(),
  data: z.record(z.string(), z.unknown()),
});

export const budgetInput = z
  .strictObject({
    usd: z.number().min(0).optional(),
    tokens: z.int().min(0).optional(),
    ms: z.int().min(1).optional().describe("Milliseconds of running, without waits for people"),
  })
  .describe("Limits of the run; at the first that is reached it pauses and asks a person");

/** A run in a few lines, for people and models. */
export function renderRun({ id, workflow, state, reason, error, nodes, undone }: z.output<typeof runDetails>): string {
  const why = reason === null ? "" : ` (${reason})`;
  return [
    `${id} ${workflow}: ${state}${why}`,
    ...(error === null ? [] : [`${error.key}: ${error.message}`]),
    ...nodes.map((node) => `- ${node.key} (${node.type}): ${node.status}${said(node)}`),
    ...(undone === null ? [] : ["What it did:", ...undone.nodes.flatMap(taken)]),
  ].join("\n");
}

function taken({ key, became, why, files }: UndoReport["nodes"][number]): string[] {
  return [
    `- ${key}: ${became}${why === "" ? "" : ` (${why})`}`,
    ...files.map((file) => `  - ${file.path}: ${file.became}`),
  ];
}

function said({ status, error, signal, items }: z.output<typeof nodeSummary>): string {
  if (items && status === "mapping") return ` ${items.done} of ${items.total}`;
  if (status === "waiting") return ` for ${signal}`;
  return error ? `: ${error.message}` : "";
}

/** Limits that were said; the others stay as the workflow has them. */
export function given(budget: z.output<typeof budgetInput> | undefined) {
  if (!budget) return undefined;
  const { usd, tokens, ms } = budget;
  return {
    ...(usd === undefined ? {} : { usd }),
    ...(tokens === undefined ? {} : { tokens }),
    ...(ms === undefined ? {} : { ms }),
  };
}
