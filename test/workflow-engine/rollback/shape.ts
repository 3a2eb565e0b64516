import type { Plan } from "../../../src/workflow-engine/plan.ts";
import { node, plan } from "../engine/plans.ts";
import { says } from "./house.ts";

export const PATH = "openspec/changes/x/proposal.md";
export const TEXT = "# Why\n\none\n\nmiddle\n\ntwo\n\nlast\n\nthree\n";

/** Six nodes that leave something behind: three documents, three effects whose undo may not be repeated unseen. */
export function sixSteps(): Plan {
  const undo = { undo: node("undo", "effect", { onCrash: "ask", config: { say: "back", ms: 5 } }) };
  return plan("six", [
    says("d1", PATH, ["one", "ONE"]),
    node("e1", "effect", { needs: ["d1"], ...undo }),
    says("d2", PATH, ["two", "TWO"], { needs: ["e1"] }),
    node("e2", "effect", { needs: ["d2"], ...undo }),
    says("d3", PATH, ["three", "THREE"], { needs: ["e2"] }),
    node("e3", "effect", { needs: ["d3"], ...undo }),
  ]);
}
