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
      what: z.string().optional(),
    }),
  ),
  nextCursor: z.string().optional(),
});

/** Who changed a document, newest first. */
export function historyView(result: unknown, output: Output): string {
  const { path, entries, nextCursor } = history.parse(result);
  if (entries.length === 0) return `No commit has ${path} yet.`;
  const rows = entries.map(({ commit, author, at, subject, trailers, what }) => {
    const by = trailers["Specloop-Principal"] ?? author;
    return [commit.slice(0, 10), time(at), by, what ?? "", aboutView(subject, trailers)];
  });
  const more = nextCursor === undefined ? "" : "\n--limit shows more.";
  return output.table(["COMMIT", "WHEN", "BY", "SECTION", "WHY"], rows) + more;
}

/** A commit's subject with the change, question, cycle or proposal that it belongs to. */
export function aboutView(subject: string, trailers: Record<string, string>): string {
  const names = ["Specloop-Change", "Specloop-Question", "Specloop-Cycle", "Specloop-Proposal"];
  const about = names.map((name) => trailers[name]).filter((id) => id !== undefined);
  return about.length === 0 ? subject : `${subject} (${about.join(", ")})`;
}
