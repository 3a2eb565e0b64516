import { SpecloopError } from "../foundation/errors.ts";

/** The value of an option that takes a number; limits are the tool's business. */
export function numberOption(name: string, given: string): number {
  const value = Number(given);
  if (given.trim() !== "" && Number.isFinite(value)) return value;
  throw new SpecloopError("bad_input", `${name} takes a number, not "${given}".`);
}
