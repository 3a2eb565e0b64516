import { z } from "zod";
import { SpecloopError } from "../../foundation/errors.ts";
import type { Plan } from "../plan.ts";

/** Throws `bad_input` with every place where the input of a run does not fit the workflow's schema. */
export function checkInput(plan: Plan, input: unknown): void {
  const result = z.fromJSONSchema(plan.input).safeParse(input ?? {});
  if (result.success) return;
  const problems = result.error.issues.map(({ path, message }) => `${path.join(".") || "the input"}: ${message}`);
  throw new SpecloopError("bad_input", `The input does not fit "${plan.name}": ${problems.slice(0, 5).join("; ")}`, {
    target: plan.name,
    fix: "`specloop workflow show NAME` says what it takes.",
    details: { problems },
  });
}
