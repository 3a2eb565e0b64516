import type { HistoryEntry } from "../../adapters/git/index.ts";

/** A commit as the edits that it holds of one document, newest first; every other commit stays one entry. */
export function perEdit(entry: HistoryEntry, path: string): HistoryEntry[] {
  if (entry.edits.length < 2) return [entry];
  const mine = entry.edits.filter((edit) => touches(edit["Specloop-Files"], path));
  return mine.toReversed().map((trailers) => ({
    ...entry,
    subject: trailers["Specloop-Reason"] ?? entry.subject,
    body: "",
    trailers,
    edits: [trailers],
  }));
}

/** Trailers come from commits that anybody may have written. */
function touches(files: string | undefined, path: string): boolean {
  try {
    const paths: unknown = JSON.parse(files ?? "[]");
    return Array.isArray(paths) && paths.includes(path);
  } catch {
    return false;
  }
}
