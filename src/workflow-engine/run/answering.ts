import type { z } from "zod";
import { SpecloopError } from "../../foundation/errors.ts";
import { parseJson } from "../../foundation/json.ts";
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
  const rule = ruleOf(node);
  if (!rule.self && isSame(run.principal, principal)) throw refused(key, "Who started the run may not answer this.");
  const named = [...rule.approvers, ...(isEscalated(row) ? (rule.escalate?.to ?? []) : [])];
  if (rule.approvers.length > 0 && !named.includes(principal.name)) {
    throw refused(key, `${principal.name} may not answer this; ${named.join(", ")} may.`);
  }
}

function ruleOf({ config }: PlanNode): z.output<typeof approvalRule> {
  const { approvers = [], self = true, escalate } = config;
  return approvalRule.parse({ approvers, self, ...(escalate === undefined ? {} : { escalate }) });
}

function isSame(a: Principal, b: Principal): boolean {
  return a.kind === b.kind && a.name === b.name;
}

/** What is shown may be too large to stand in the row; then those named first are the ones to answer. */
function isEscalated(row: NodeRecord | undefined): boolean {
  const shown = row?.shown ? parseJson(row.shown) : null;
  return typeof shown === "object" && shown !== null && "escalated" in shown && shown.escalated === true;
}

function refused(key: string, message: string): SpecloopError {
  return new SpecloopError("forbidden", message, { target: key });
}
