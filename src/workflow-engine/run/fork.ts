import type { Plan } from "../plan.ts";
import type { RunSnapshot } from "./draft.ts";
import { RESTORE } from "../rollback/restore-node.ts";
import { topNode, withDependents } from "./places.ts";
import { type NodeRecord, newNode } from "./state.ts";

/**
 * What a fork takes over: the nodes of the past run that ended well or were skipped and do not come after `from`, as far
 * as the plan still has them with all that they need. Nothing of its cost, and nothing when `from` is null.
 */
export function copiedRows({ nodes }: RunSnapshot, plan: Plan, from: string | null): NodeRecord[] {
  if (from === null) return [];
  topNode(plan, from);
  const again = withDependents(plan.nodes, from);
  const taken = new Map<string, NodeRecord>();
  for (const { key, type, needs } of plan.nodes) {
    const row = nodes.get(key);
    const over = row?.status === "done" || row?.status === "skipped";
    const undone = ["undo", RESTORE].some((role) => nodes.get(`${key}/${role}`)?.status === "done");
    if (!over || undone || row.type !== type || again.has(key) || !needs.every((need) => taken.has(need))) continue;
    taken.set(key, {
      ...newNode(key, type),
      status: row.status,
      reason: row.status === "done" ? "copied" : row.reason,
      output: row.output,
      input: row.input,
      startedAt: row.startedAt,
      endedAt: row.endedAt,
    });
  }
  return [...taken.values()].toSorted((a, b) => (nodes.get(a.key)?.endedSeq ?? 0) - (nodes.get(b.key)?.endedSeq ?? 0));
}
