import type { Plan } from "./plan.ts";

/** What stands between a plan and the world. */
export interface Guard {
  /** Before a run begins. Throws `workflow_unapproved` unless it and those below it may reach what they reach. */
  begin(plan: Plan): Promise<void>;
  /** Before a node that reaches out is carried out, by whatever process and however long after. Throws the same. */
  admit(plan: Plan): Promise<void>;
  /** A value as it may be kept and shown: without the values of these secrets. */
  redact(secrets: readonly string[], value: unknown): unknown;
}

/** Lets everything through: for engines whose plans come from the program itself. */
export const openGuard: Guard = {
  begin: () => Promise.resolve(),
  admit: () => Promise.resolve(),
  redact: (_secrets, value) => value,
};
