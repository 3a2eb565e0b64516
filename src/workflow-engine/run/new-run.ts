import { newId } from "../../foundation/ids.ts";
import type { Principal } from "../../foundation/principal.ts";
import type { Budget, Plan } from "../plan.ts";
import type { RunSnapshot } from "./draft.ts";
import type { RunRecord, Stored } from "./state.ts";

/** The run that began it, or the one that it was forked from. */
export interface Family {
  parent?: { runId: string; key: string; home: string | null };
  fork?: { from: RunSnapshot; key: string | null };
}

interface Beginning extends Family {
  plan: Plan;
  input: Stored;
  principal: Principal;
  budget: Partial<Budget> | undefined;
  idempotencyKey: string | undefined;
  now: number;
  home: string | null;
}

const NOTHING_YET = {
  reason: null,
  output: null,
  error: null,
  usd: 0,
  unpriced: 0,
  tokensIn: 0,
  tokensOut: 0,
  activeMs: 0,
  activeSince: null,
  seq: 0,
  version: 0,
  endedAt: null,
} as const;

/** A run of which nothing has happened. */
export function newRun({
  plan,
  input,
  principal,
  budget,
  idempotencyKey,
  now,
  home,
  parent,
  fork,
}: Beginning): RunRecord {
  return {
    ...NOTHING_YET,
    id: newId("r"),
    workflow: plan.name,
    hash: plan.hash,
    state: "running",
    input,
    principal,
    budget: { ...plan.budget, ...budget },
    idempotencyKey: idempotencyKey ?? null,
    createdAt: now,
    home,
    parentRun: parent?.runId ?? null,
    parentKey: parent?.key ?? null,
    forkedFrom: fork?.from.run.id ?? null,
    forkKey: fork?.key ?? null,
  };
}
