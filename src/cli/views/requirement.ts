import { z } from "zod";
import type { Output } from "../output.ts";
import { time } from "./question.ts";

const history = z.object({
  capability: z.string(),
  requirement: z.string(),
  exists: z.boolean(),
  truncated: z.boolean(),
  events: z.array(
    z.object({
      kind: z.string(),
      name: z.string(),
      from: z.string().nullable(),
      change: z.string().nullable(),
      commit: z.string(),
      author: z.string(),
      at: z.number(),
      subject: z.string(),
    }),
  ),
  pending: z.array(z.object({ change: z.string(), operation: z.string() })),
});

/** What happened to a requirement, newest first. */
export function requirementView(result: unknown, output: Output): string {
  const { capability, requirement, exists, truncated, events, pending } = history.parse(result);
  const gone = exists ? "" : output.style("yellow", "  not in the spec now");
  const rows = events.map(({ kind, name, from, change, commit, author, at, subject }) => [
    commit.slice(0, 10),
    time(at),
    kind === "renamed" ? `renamed "${from}" -> "${name}"` : kind.replace("_", " "),
    change ?? output.style("dim", "no change"),
    author,
    subject,
  ]);
  return [
    `${output.style("bold", requirement)}  ${capability}${gone}`,
    ...(rows.length > 0 ? [output.table(["COMMIT", "WHEN", "WHAT", "CHANGE", "BY", "SUBJECT"], rows)] : []),
    ...pending.map(({ change, operation }) => output.style("cyan", `under way: ${change} ${operation}`)),
    ...(truncated ? [output.style("yellow", "The history here is not whole: git fetch --unshallow")] : []),
  ].join("\n");
}
