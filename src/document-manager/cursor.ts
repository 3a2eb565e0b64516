import { SpecloopError } from "../foundation/errors.ts";

/** The offset that a cursor of ours stands for; 0 without one. Throws `bad_input`. */
export function offsetOf(cursor: string | undefined): number {
  if (cursor === undefined) return 0;
  if (!/^\d{1,9}$/.test(cursor))
    throw new SpecloopError("bad_input", `"${cursor}" is not a cursor.`, { target: "cursor" });
  return Number(cursor);
}
