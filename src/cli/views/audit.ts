import { z } from "zod";
import type { Output } from "../output.ts";
import { time } from "./question.ts";

const entry = z.object({
  seq: z.number(),
  at: z.number(),
  actor: z.string(),
  action: z.string(),
  target: z.string(),
  detail: z.record(z.string(), z.unknown()),
});
const verdict = z.object({
  ok: z.boolean(),
  entries: z.number(),
  message: z.string(),
  anchors: z.number(),
  anchoredTo: z.number(),
});

/** Who did what, newest first. */
export function auditView(result: unknown, output: Output): string {
  const page = z.object({ entries: z.array(entry), nextCursor: z.number().optional() }).parse(result);
  if (page.entries.length === 0) return "No entry fits.";
  const rows = page.entries.map(({ seq, at, actor, action, target, detail }) => [
    String(seq),
    time(at),
    actor,
    /refused|void/.test(action) ? output.style("yellow", action) : action,
    `${target}${shown(detail)}`,
  ]);
  const more = page.nextCursor === undefined ? "" : `\nOlder ones: --before ${page.nextCursor}`;
  return output.table(["ENTRY", "WHEN", "WHO", "WHAT", "TO"], rows) + more;
}

/** Whether the log is whole. */
export function verdictView(result: unknown, output: Output): string {
  const { ok, message, anchors, anchoredTo, entries } = verdict.parse(result);
  const mark = ok ? output.style("green", "ok") : output.style("red", "broken");
  const since = entries - anchoredTo;
  const anchored =
    anchors === 0
      ? "Nothing is anchored in git yet."
      : `${counted(anchors, "anchor", "anchors")} in git, the last at entry ${anchoredTo}${ok && since > 0 ? `; ${counted(since, "newer entry is", "newer entries are")} not anchored yet` : ""}.`;
  return `${mark}  ${message}\n    ${anchored}`;
}

function counted(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** What is worth a look: hashes and ids are in `--json`. */
function shown(detail: Record<string, unknown>): string {
  const parts = ["code", "times", "decision", "verdict", "level", "commit"].flatMap((key) => {
    const value = detail[key];
    return typeof value === "string" || typeof value === "number"
      ? [`${key} ${key === "commit" ? String(value).slice(0, 12) : value}`]
      : [];
  });
  return parts.length === 0 ? "" : ` (${parts.join(", ")})`;
}
