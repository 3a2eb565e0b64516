import { canonicalJson, sha256 } from "../../../src/foundation/hash.ts";
import type { Plan, PlanNode } from "../../../src/workflow-engine/plan.ts";

export const NO_LIMIT = { usd: null, tokens: null, ms: null };

/** A node as a definition would give it, with short names for what tests set. */
export function node(key: string, type: string, changes: Partial<PlanNode> = {}): PlanNode {
  return {
    key,
    type,
    needs: [],
    runIf: "all_ok",
    when: null,
    timeoutMs: 6e4,
    fallback: null,
    onCrash: "retry",
    undo: null,
    budget: NO_LIMIT,
    snapshot: false,
    body: null,
    config: {},
    retry: {
      max: 0,
      delayMs: 1,
      factor: 1,
      maxDelayMs: 10,
      jitter: 0,
      on: ["failed", "unavailable", "timeout"],
    },
    ...changes,
  };
}

/** A value made by CEL. */
export function value(key: string, cel: string, changes: Partial<PlanNode> = {}): PlanNode {
  return node(key, "transform", { config: { value: cel }, ...changes });
}

export function plan(name: string, nodes: PlanNode[], changes: Partial<Plan> = {}): Plan {
  const rest = {
    name,
    version: null,
    description: "",
    secrets: [],
    output: {},
    budget: NO_LIMIT,
    nodes,
    input: {
      type: "object",
      additionalProperties: true,
    },
    ...changes,
  };
  return { ...rest, hash: sha256(canonicalJson(rest)) };
}
