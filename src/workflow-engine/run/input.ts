import { readInput } from "../definition/index.ts";
import type { Plan } from "../plan.ts";

/** The input of a run with its defaults. Throws `bad_input` with every place where it does not fit the workflow. */
export function checkInput(plan: Plan, input: unknown): Record<string, unknown> {
  return readInput(plan, input);
}
