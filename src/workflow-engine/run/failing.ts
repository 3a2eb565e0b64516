import type { Plan } from "../plan.ts";
import type { NodeType } from "../node-type.ts";
import { delayBefore } from "./backoff.ts";
import type { Draft } from "./draft.ts";
import { locate } from "./places.ts";
import type { Failure, NodeRecord } from "./state.ts";

/** What applying needs beside the run. */
export interface Rules {
  plan: Plan;
  types: ReadonlyMap<string, NodeType>;
  /** 0..1. */
  random: () => number;
}

/** Once more, otherwise, or not at all. */
export function fail(draft: Draft, row: NodeRecord, error: Failure, { plan, random }: Rules): void {
  const { node } = locate(plan, row.key);
  const { retry, fallback } = node;
  const clear = { input: row.input, round: row.round + 1, error, reason: null, reservedTokens: 0, reservedUsd: 0 };
  if (draft.run.state === "cancelling") return void draft.move(row, "cancelled", clear);
  if (row.retries < retry.max && retry.on.includes(error.kind)) {
    const dueAt = draft.now + delayBefore(retry, row.retries, random());
    return void draft.move(row, "retrying", { ...clear, retries: row.retries + 1, dueAt });
  }
  if (!fallback) return void draft.move(row, "failed", clear);
  if ("node" in fallback) return void draft.move(row, "falling", clear);
  draft.move(row, "done", { ...clear, reason: "fallback", output: JSON.stringify(fallback.value ?? null) });
}
