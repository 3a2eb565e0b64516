import { z } from "zod";
import type { Output } from "../output.ts";
import { aboutView } from "./history.ts";
import { time } from "./question.ts";

const blame = z.object({
  parts: z.array(
    z.object({
      startLine: z.number(),
      endLine: z.number(),
      commit: z.string().nullable(),
      author: z.string().nullable(),
      at: z.number().nullable(),
      subject: z.string().nullable(),
      trailers: z.record(z.string(), z.string()),
    }),
  ),
});

/** Which commit wrote which lines. */
export function blameView(result: unknown, output: Output): string {
  const rows = blame.parse(result).parts.map(({ startLine, endLine, commit, author, at, subject, trailers }) => {
    const lines = startLine === endLine ? String(startLine) : `${startLine}-${endLine}`;
    if (commit === null || at === null) return [lines, "–", "", "", "not committed yet"];
    return [
      lines,
      commit.slice(0, 10),
      time(at),
      trailers["Specloop-Principal"] ?? author ?? "",
      aboutView(subject ?? "", trailers),
    ];
  });
  return output.table(["LINES", "COMMIT", "WHEN", "BY", "WHY"], rows);
}
