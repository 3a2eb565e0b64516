import type { PlanNode } from "../plan.ts";

/** The type of the step that puts back what a node left behind; the engine's own. */
export const RESTORE = "restore";

/** The step that takes back what a node left behind; null where nothing is known to be. */
export function restoreNode(of: PlanNode): PlanNode | null {
  const byItself = of.undo === null && (of.type === "document" || of.type === "workflow");
  if (!byItself && !of.snapshot) return null;
  return {
    key: RESTORE,
    type: RESTORE,
    needs: [],
    runIf: "all_ok",
    when: null,
    fallback: null,
    undo: null,
    body: null,
    onCrash: "retry",
    budget: { usd: null, tokens: null, ms: null },
    snapshot: false,
    config: {},
    // Undoing a run below takes as long as it takes.
    timeoutMs: of.type === "workflow" ? 24 * 3_600_000 : 600_000,
    retry: {
      max: 5,
      delayMs: 500,
      factor: 3,
      maxDelayMs: 60_000,
      jitter: 0.2,
      on: ["failed", "timeout", "unavailable"],
    },
  };
}

/** Whether a key is of a step of undoing. */
export function isUndoing(key: string): boolean {
  return key.endsWith("/undo") || key.endsWith(`/${RESTORE}`);
}
