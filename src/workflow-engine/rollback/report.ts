import type { NodeType } from "../node-type.ts";
import type { Plan, PlanNode } from "../plan.ts";
import type { RunSnapshot } from "../run/draft.ts";
import { isFinal, type NodeRecord, type RunView } from "../run/state.ts";
import { isHandle, type Values } from "../run/values.ts";
import { type Restored, restored, type UndoReport } from "./shapes.ts";
import { isUndoing, RESTORE } from "./restore-node.ts";
import { toUndo } from "./steps.ts";

type Line = UndoReport["nodes"][number];

interface Given {
  snapshot: RunSnapshot;
  plan: Plan;
  types: ReadonlyMap<string, NodeType>;
  values: Values;
}

/** The nodes that left something outside of the engine, the last first. Null while nobody asked for an undo. */
export async function reportOf({ snapshot, plan, types, values }: Given): Promise<UndoReport | null> {
  const { run, nodes } = snapshot;
  const asked = run.state === "undoing" || run.state === "undone" || [...nodes.keys()].some(isUndoing);
  if (!asked) return null;
  const view: RunView = {
    run,
    node: (key) => nodes.get(key),
    nodes: () => nodes.values(),
    hasSignal: (name) => snapshot.signals.has(name),
  };
  const lines: Line[] = [];
  for (const { row, place } of toUndo(plan, view)) {
    const undo = nodes.get(`${row.key}/undo`);
    const back = nodes.get(`${row.key}/${RESTORE}`);
    const done = await filesOf(back, values);
    const told = verdict({ node: place.node, row, undo, back, type: types.get(row.type) });
    if (told) lines.push({ key: row.key, type: row.type, ...told, ...done });
  }
  return { to: run.undoTo?.key ?? null, nodes: lines };
}

interface Rows {
  node: PlanNode;
  row: NodeRecord;
  undo: NodeRecord | undefined;
  back: NodeRecord | undefined;
  type: NodeType | undefined;
}

function verdict(rows: Rows): Pick<Line, "became" | "why"> | null {
  const { node, row, undo, back } = rows;
  const steps = [undo, back].filter((step) => step !== undefined);
  const failed = steps.find(({ status }) => status === "failed" || status === "cancelled");
  if (failed) return { became: "left", why: failed.error?.message ?? "It was cancelled." };
  const missing = node.undo && row.status === "done" && !undo;
  if (missing || steps.some(({ status }) => !isFinal(status))) return { became: "open", why: "" };
  if (steps.length > 0) return { became: undo ? "undone" : "restored", why: "" };
  return left(rows);
}

/** Nothing takes it back: said of what left something behind, or may have. */
function left({ node, row, type }: Rows): Pick<Line, "became" | "why"> | null {
  if (type?.inside || type?.harmless?.(node.config)) return null;
  // It was given up before anything was begun.
  if (row.status !== "done" && row.startedAt === null) return null;
  const how = row.status === "failed" ? "failed" : "was cancelled";
  return { became: "left", why: `It has no undo.${row.status === "done" ? "" : ` It ${how} in the middle.`}` };
}

async function filesOf(back: NodeRecord | undefined, values: Values): Promise<Restored> {
  const stored = back?.status === "done" ? back.output : null;
  const value = stored !== null ? await values.load(stored) : back?.error?.details;
  const small = stored === null || !isHandle(stored);
  const found = restored.safeParse(value);
  if (!found.success) return { files: [], runs: [] };
  return small ? found.data : { ...found.data, files: found.data.files.map((file) => ({ ...file, diff: "" })) };
}
