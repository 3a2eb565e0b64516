import type { Plan } from "../../../src/workflow-engine/plan.ts";
import { node, plan, value } from "./plans.ts";

/** Ten steps with a retry, a branch, a map, a question to a person and effects of both kinds. */
export function tenSteps(): Plan {
  const effect = (key: string, more: Parameters<typeof node>[2] = {}) =>
    node(key, "effect", { onCrash: "ask", config: { ms: 3 }, ...more });
  const retry = { max: 2, delayMs: 5, factor: 2, maxDelayMs: 20, jitter: 0.5, on: ["failed" as const] };
  return plan("ten", [
    effect("a"),
    value("b", "[1, 2, 3]", { needs: ["a"] }),
    effect("c", { needs: ["b"], retry, config: { failures: 1 } }),
    node("each", "map", {
      needs: ["b"],
      body: { as: "n", nodes: [effect("do"), value("out", "n * 2", { needs: ["do"] })] },
      config: { over: "nodes.b.output", concurrency: 2 },
    }),
    node("gate", "approval", { needs: ["c"], config: { prompt: "Go on?" } }),
    effect("again", { needs: ["each"], onCrash: "retry" }),
    effect("d", { needs: ["gate", "again"] }),
    node("w", "wait", { needs: ["d"], config: { for: 10 } }),
    effect("e", { needs: ["w"] }),
    value("sum", "nodes.each.output.results[2]", { needs: ["e"] }),
  ]);
}
