import { SpecloopError } from "../../foundation/errors.ts";
import type { Principal } from "../../foundation/principal.ts";
import { approvalRule } from "../nodes/approval.ts";
import type { PlanNode } from "../plan.ts";
import type { NodeRecord, RunRecord } from "./state.ts";

interface Asked {
  node: PlanNode;
  key: string;
  run: RunRecord;
  row: NodeRecord | undefined;
  principal: Principal;
}

/** Throws `forbidden` for whoever may not answer an approval node, `bad_input` for a node of another type. */
export function mayAnswer({ node, key, run, row, principal }: Asked): void {
  if (node.type !== "approval") {
    throw new SpecloopError("bad_input", `"${key}" is a ${node.type} node: nobody is asked there.`, { target: key });
  }
  if (principal.kind !== "person") throw refused(key, "Only a person can answer an approval, and this is no person.");
  const rule = approvalRule.parse({
    approvers: node.config["approvers"] ?? [],
    self: node.config["self"] ?? true,
    ...(node.config["escalate"] === undefined ? {} : { escalate: node.config["escalate"] }),
  });
  if (!rule.self && run.principal.kind === "person" && run.principal.name === principal.name) {
    throw refused(key, "Who started the run may not answer this.");
  }
  const escalated = row?.shown?.includes('"escalated":true') === true;
  const named = [...rule.approvers, ...(escalated ? (rule.escalate?.to ?? []) : [])];
  if (rule.approvers.length > 0 && !named.includes(principal.name)) {
    throw refused(key, `${principal.name} may not answer this; ${named.join(", ")} may.`);
  }
}

function refused(key: string, message: string): SpecloopError {
  return new SpecloopError("forbidden", message, { target: key });
}
