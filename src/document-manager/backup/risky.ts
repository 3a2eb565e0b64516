import type { UpdateRequest } from "../types.ts";

/** Shorter than this nothing is worth a backup of its own: the history has it. */
const LONG = 2_000;

/**
 * Why a request is one before which its documents are kept: several of them change at once, or one is to be replaced by
 * less than half of it. Null for ordinary edits, which git and the replaced files' store bring back. `sizeOf` is the
 * length of a document in characters, 0 when there is none.
 */
export function riskOf({ files }: UpdateRequest, sizeOf: (path: string) => number): string | null {
  if (files.length > 1) return `${files.length} documents at once`;
  for (const { path, edits } of files) {
    const whole = edits.find((edit) => edit.kind === "write");
    const size = sizeOf(path);
    if (whole?.kind === "write" && size >= LONG && whole.content.length < size / 2) {
      return `${path} becomes less than half`;
    }
  }
  return null;
}
