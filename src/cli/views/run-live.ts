import { z } from "zod";
import type { Output } from "../output.ts";
import { costText, dollars, grouped, seconds } from "./amounts.ts";
import { note, type Run, type RunNode } from "./run.ts";

const SPINNER = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
/** Lines of nodes that a terminal is given; of longer ones those that have something to say. */
const MOST_NODES = 20;

type Style = Parameters<Output["style"]>[0];
const MARKS: Record<string, [string, Style]> = {
  done: ["✓", "green"],
  failed: ["✗", "red"],
  cancelled: ["✗", "red"],
  skipped: ["–", "dim"],
  waiting: ["?", "yellow"],
  unknown: ["!", "yellow"],
  pending: ["·", "dim"],
};

/** A run while it goes on: what it is doing, what that costs, a line for each node. */
export function liveLines(run: Run, now: number, output: Output): string[] {
  const { id, workflow, state, cost, budget } = run;
  const spin = SPINNER[Math.floor(now / 100) % SPINNER.length] ?? "";
  const limits = [
    ...(budget?.usd == null ? [] : [`of ${dollars(budget.usd)}`]),
    ...(budget?.tokens == null ? [] : [`of ${grouped(budget.tokens)} tokens`]),
  ].join(", ");
  const used = [costText(cost), limits].filter((text) => text !== "").join(" ");
  const head = `${output.style("cyan", spin)} ${output.style("bold", workflow)} ${output.style("dim", id)}  ${state}  ${seconds(now - run.createdAt)}`;
  const { shown, left } = chosen(run.nodes);
  const width = Math.max(0, ...shown.map(({ key }) => key.length));
  const lines = shown.map((row) => `  ${nodeLine(row, { now, spin, width }, output)}`);
  const rest = left > 0 ? [output.style("dim", `  … ${left} more`)] : [];
  return [`${head}${used === "" ? "" : `  ${used}`}`, ...lines, ...rest];
}

function nodeLine(row: RunNode, { now, spin, width }: { now: number; spin: string; width: number }, output: Output) {
  // A time or another run comes by itself; a person does not.
  const byItself = row.status === "waiting" && (row.type === "wait" || row.type === "workflow");
  const [mark, style] = (byItself ? undefined : MARKS[row.status]) ?? [spin, "cyan"];
  const took = row.startedAt === null || row.status === "pending" ? null : (row.endedAt ?? now) - row.startedAt;
  const parts = [
    output.style(style, mark),
    row.key.padEnd(width),
    output.style("dim", row.type.padEnd(9)),
    took === null ? "" : seconds(took),
    costText(row.cost),
    note(row),
  ];
  return parts.filter((part) => part !== "").join("  ");
}

/** What goes on, what failed and what has just ended matter more than what is to come. */
function chosen(nodes: RunNode[]): { shown: RunNode[]; left: number } {
  if (nodes.length <= MOST_NODES) return { shown: nodes, left: 0 };
  const rank = ({ status }: RunNode) => (status === "pending" ? 3 : status === "done" || status === "skipped" ? 2 : 1);
  const kept = new Set(
    nodes
      .map((row, index) => ({ row, index }))
      .toSorted((a, b) => rank(a.row) - rank(b.row) || b.index - a.index)
      .slice(0, MOST_NODES)
      .map(({ row }) => row),
  );
  return { shown: nodes.filter((row) => kept.has(row)), left: nodes.length - MOST_NODES };
}

const event = z.object({
  seq: z.number(),
  key: z.string().nullable(),
  type: z.string(),
  at: z.number(),
  data: z.record(z.string(), z.unknown()),
});
export const eventsShape = z.object({ events: z.array(event) });

/** One event as a line of a log; null for what a reader of a log does not need. */
export function eventLine({ key, type, at, data }: z.output<typeof event>): string | null {
  const time = new Date(at).toISOString().slice(11, 19);
  const [, word = type] = type.split(".");
  if (key === null) return type.startsWith("run.") ? `${time} run ${word}${because(data)}` : null;
  if (key === "@output" || word === "queued" || word === "pending") return null;
  return `${time} ${key} ${word}${because(data)}`;
}

function because({ message, reason }: Record<string, unknown>): string {
  const text = typeof message === "string" ? message : typeof reason === "string" ? reason : "";
  return text === "" ? "" : `: ${text}`;
}
