import { z } from "zod";
import type { Output } from "../output.ts";
import { typed, type Reader } from "../wording.ts";
import { costText, dollars, seconds } from "./amounts.ts";
import { undoneShape, undoneView } from "./undone.ts";

const cost = z.object({ usd: z.number().nullable(), tokensIn: z.number(), tokensOut: z.number() });
const failure = z.object({ kind: z.string(), message: z.string() });
const summary = z.object({
  id: z.string(),
  workflow: z.string(),
  state: z.string(),
  reason: z.string().nullable(),
  startedBy: z.string(),
  createdAt: z.number(),
  endedAt: z.number().nullish(),
  activeMs: z.number(),
  cost,
  budget: z.object({ usd: z.number().nullable(), tokens: z.number().nullable() }).nullish(),
  error: failure.extend({ key: z.string() }).nullable(),
});
const node = z.object({
  key: z.string(),
  type: z.string(),
  status: z.string(),
  reason: z.string().nullable(),
  attempt: z.number(),
  startedAt: z.number().nullable(),
  endedAt: z.number().nullable(),
  dueAt: z.number().nullable(),
  cost,
  signal: z.string().nullable(),
  shown: z.unknown(),
  error: failure.nullable(),
  items: z
    .object({
      total: z.number(),
      done: z.number(),
      failed: z.number(),
      active: z.number(),
    })
    .nullable(),
});
export type RunNode = z.output<typeof node>;
type Node = RunNode;

export const runShape = z.looseObject({
  ...summary.shape,
  output: z.unknown(),
  nodes: z.array(node),
  undone: undoneShape.nullable().default(null),
});
export type Run = z.output<typeof runShape>;
export const nodeShape = node.extend({
  output: z.unknown(),
  attempts: z.array(
    z.object({
      attempt: z.number(),
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

const COLORS: Record<string, "green" | "red" | "yellow" | "cyan" | "dim"> = {
  ...({ succeeded: "green", done: "green", failed: "red", cancelled: "red", unknown: "yellow" } as const),
  ...({ waiting: "yellow", paused: "yellow", running: "cyan", mapping: "cyan", retrying: "cyan" } as const),
};
const word = (state: string, output: Output) => output.style(COLORS[state] ?? "dim", state);

/** A run, its nodes, and what a person can do about it. */
export function runView(run: Run, output: Output, reader: Reader): string {
  const { id, workflow, state, reason, nodes, error } = run;
  const head = `${output.style("bold", workflow)} ${id}  ${word(state, output)}${reason === null ? "" : ` (${reason})`}`;
  return [
    head,
    `${seconds(run.activeMs)} of work${used(run)}`,
    ...(error === null ? [] : [output.style("red", `${error.key}: ${error.message}`)]),
    "",
    ...(nodes.length === 0 ? ["Nothing has begun."] : [nodeTable(nodes, output)]),
    ...(run.undone ? undoneView(run.undone, output) : []),
    ...todo(run, reader),
    ...(run.output === null || run.output === undefined ? [] : ["", JSON.stringify(valueOf(run.output), null, 2)]),
  ].join("\n");
}

function nodeTable(nodes: Node[], output: Output): string {
  const rows = nodes.map((row) => [
    row.key,
    row.type,
    word(row.status, output),
    took(row),
    costText(row.cost),
    note(row),
  ]);
  return output.table(["NODE", "TYPE", "STATE", "TIME", "COST", ""], rows);
}

function took({ startedAt, endedAt }: Node): string {
  return startedAt === null || endedAt === null ? "" : seconds(endedAt - startedAt);
}

export function note(row: Node): string {
  const { status, reason, error, items } = row;
  if (items) return `${items.done} of ${items.total} items${items.failed > 0 ? `, ${items.failed} failed` : ""}`;
  if (status === "skipped") return reason === "when" ? "its condition is false" : "what it needs did not end well";
  if (status === "retrying") return `attempt ${row.attempt} failed: ${error?.message ?? reason}`;
  if (status === "waiting") return waitsFor(row.shown, row.dueAt);
  if (status === "done") return reason ?? "";
  return error?.message ?? "";
}

function waitsFor(shown: unknown, dueAt: number | null): string {
  const { prompt } = z.object({ prompt: z.string() }).partial().catch({}).parse(shown);
  const limit = dueAt === null ? "" : ` until ${momentOf(dueAt)}`;
  return `${prompt ?? "waits"}${limit}`;
}

/** In the time of who reads it; today only the hour. */
function momentOf(at: number): string {
  const time = new Date(at);
  const clock = time.toTimeString().slice(0, 8);
  return time.toDateString() === new Date().toDateString() ? clock : `${time.toLocaleDateString("sv-SE")} ${clock}`;
}

/** The next command, where the run waits for a person. */
function todo({ id, state, nodes, undone }: Run, reader: Reader): string[] {
  const asked = nodes.filter(({ signal, status }) => status === "waiting" && signal?.startsWith("approve:"));
  const unknown = nodes.filter(({ status }) => status === "unknown");
  const lines = [
    ...asked.map(({ key }) => typed(`specloop run approve ${id} ${key}`, reader)),
    ...unknown.map(({ key }) => typed(`specloop run resolve ${id} ${key} done|retry|fail`, reader)),
    ...((state === "paused" || state === "failed") && !undone ? [typed(`specloop run resume ${id}`, reader)] : []),
  ];
  return lines.length === 0 ? [] : ["", ...lines];
}

export function runsView(result: unknown, output: Output): string {
  const { runs } = z.object({ runs: z.array(summary) }).parse(result);
  if (runs.length === 0) return "No runs.";
  const rows = runs.map((run) => [
    run.id,
    run.workflow,
    word(run.state, output),
    new Date(run.createdAt).toISOString().slice(0, 16),
    costText(run.cost),
    run.error ? `${run.error.key}: ${run.error.message}` : (run.reason ?? ""),
  ]);
  return output.table(["RUN", "WORKFLOW", "STATE", "BEGUN", "COST", ""], rows);
}

/** One node, step by step. */
export function nodeView(row: z.output<typeof nodeShape>, output: Output): string {
  return [
    `${output.style("bold", row.key)} (${row.type})  ${word(row.status, output)}`,
    ...row.attempts.flatMap((attempt) => [
      "",
      `attempt ${attempt.attempt}: ${attempt.outcome}, ${seconds(attempt.endedAt - attempt.startedAt)}, ${costText(attempt.cost) || "no tokens"}`,
      ...(attempt.error ? [output.style("red", attempt.error.message)] : []),
      ...(attempt.input === null ? [] : [`input ${JSON.stringify(attempt.input, null, 2)}`]),
      ...(attempt.log === "" ? [] : [output.style("dim", attempt.log.trimEnd())]),
    ]),
    "",
    `output ${JSON.stringify(row.output, null, 2)}`,
  ].join("\n");
}

function valueOf(shown: unknown): unknown {
  return z.object({ value: z.unknown() }).safeParse(shown).data?.value ?? shown;
}

/** What it used, and of how much it may. */
function used({ cost: spent, budget, createdAt, endedAt }: Run): string {
  const limit = budget?.usd == null ? "" : ` of ${dollars(budget.usd)}`;
  const whole = endedAt == null ? "" : `, ${seconds(endedAt - createdAt)} in all`;
  return `${whole}, ${costText(spent) || "no tokens"}${limit}`;
}
