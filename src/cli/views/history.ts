import { z } from "zod";
import type { Output } from "../output.ts";
import { time } from "./question.ts";

const history = z.object({
  path: z.string(),
  entries: z.array(
    z.object({
      commit: z.string(),
      author: z.string(),
      at: z.number(),
      subject: z.string(),
      trailers: z.record(z.string(), z.string()),
    }),
  ),
  nextCursor: z.string().optional(),
});

/** Who changed a document, newest first. */
export function historyView(result: unknown, output: Output): string {
  const { path, entries, nextCursor } = history.parse(result);
  if (entries.length === 0) return `No commit has ${path} yet.`;
  const rows = entries.map(({ commit, author, at, subject, trailers }) => {
    const about = [trailers["Specloop-Change"], trailers["Specloop-Question"]].filter((id) => id !== undefined);
    const why = about.length === 0 ? subject : `${subject} (${about.join(", ")})`;
    return [commit.slice(0, 10), time(at), trailers["Specloop-Principal"] ?? author, why];
  });
  const more = nextCursor === undefined ? "" : "\n--limit shows more.";
  return output.table(["COMMIT", "WHEN", "BY", "WHY"], rows) + more;
}
