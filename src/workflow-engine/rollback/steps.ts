import type { Plan, PlanNode } from "../plan.ts";
import { locate, OUTPUT_KEY, type Place } from "../run/places.ts";
import { isFinal, type NodeRecord, type RunView } from "../run/state.ts";
import { RESTORE, restoreNode } from "./restore-node.ts";

/** One thing to do when a run is undone. */
export interface UndoStep {
  key: string;
  node: PlanNode;
  /** A failure ends the undoing: what comes after it may stand on what was not undone. */
  stops: boolean;
}

/** Rows whose work an undo is about, the last that ended first; ties cannot be, because events are numbered. */
export function toUndo(plan: Plan, view: RunView): { row: NodeRecord; place: Place }[] {
  const since = view.run.undoTo?.seq ?? 0;
  return (
    [...view.nodes()]
      .filter(({ status, endedSeq }) => isFinal(status) && status !== "skipped" && (endedSeq ?? 0) >= since)
      // What a fork took over was done by another run.
      .filter(({ key, reason }) => reason !== "copied" && key !== OUTPUT_KEY)
      .map((row) => ({ row, place: locate(plan, row.key) }))
      .filter(({ place }) => place.role === "node" || place.role === "fallback")
      .toSorted((a, b) => (b.row.endedSeq ?? 0) - (a.row.endedSeq ?? 0))
  );
}

/** What a node itself says is to be done, and then what it left in documents and in runs below. */
export function undoSteps(plan: Plan, view: RunView): UndoStep[] {
  return toUndo(plan, view).flatMap(({ row, place: { node } }) => {
    const steps: UndoStep[] = [];
    if (node.undo && row.status === "done") steps.push({ key: `${row.key}/undo`, node: node.undo, stops: true });
    const restore = restoreNode(node);
    if (restore && (row.status === "done" || leavesTraces(node)))
      steps.push({ key: `${row.key}/${RESTORE}`, node: restore, stops: false });
    return steps;
  });
}

/** Whether it may have left something behind although it did not end well. */
function leavesTraces({ snapshot, type }: PlanNode): boolean {
  return snapshot || type === "workflow";
}
