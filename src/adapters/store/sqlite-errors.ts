import { SpecloopError, type ErrorCode } from "../../foundation/errors.ts";

/** SQLite's primary result codes (sqlite.org/rescode.html) that mean something to a caller. */
const CODES: Record<number, ErrorCode> = {
  5: "store_busy",
  6: "store_busy",
  8: "store_full",
  10: "store_full",
  13: "store_full",
  14: "store_full",
  11: "store_corrupt",
  26: "store_corrupt",
};

/** The primary result code of an error of SQLite, null for any other error. */
export function resultCode(error: unknown): number | null {
  const extended = (error as { errcode?: unknown } | null)?.errcode;
  return typeof extended === "number" ? extended & 0xff : null;
}

export function isBusy(error: unknown): boolean {
  const code = resultCode(error);
  return code === 5 || code === 6;
}

/** An error of SQLite as one of ours; whatever else (constraints, errors of callers) is handed through. */
export function translateError(error: unknown, path: string): unknown {
  const code = CODES[resultCode(error) ?? 0];
  if (!code) return error;
  return new SpecloopError(code, `${(error as Error).message} (${path})`, { target: path, cause: error });
}
