import type { NodeType } from "../node-type.ts";
import type { Plan, PlanNode } from "../plan.ts";
import type { RunSnapshot } from "../run/draft.ts";
import { type NodeRecord, type RunView } from "../run/state.ts";
import { isHandle, type Values } from "../run/values.ts";
import { type Restored, restored, type UndoReport } from "./shapes.ts";
import { isUndoing, RESTORE, toUndo } from "./steps.ts";

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

function verdict({ node, row, undo, back, type }: Rows): Pick<Line, "became" | "why"> | null {
  const steps = [undo, back].filter((step) => step !== undefined);
  const failed = steps.find(({ status }) => status === "failed" || status === "cancelled");
  if (failed) return { became: "left", why: failed.error?.message ?? "It was cancelled." };
  const expected = (node.undo && row.status === "done" ? 1 : 0) + (back ? 1 : 0);
  if (steps.some(({ status }) => status !== "done" && status !== "skipped")) return { became: "open", why: "" };
  if (undo?.status === "done" && steps.length >= expected) return { became: "undone", why: "" };
  if (back?.status === "done") return { became: "restored", why: "" };
  if (node.undo && row.status === "done") return { became: "open", why: "Its undo has not begun." };
  if (type?.inside || type?.harmless?.(node.config)) return null;
  // It was given up before anything was begun.
  if (row.status !== "done" && row.startedAt === null) return null;
  const how = row.status === "done" ? "" : ` It ${row.status === "failed" ? "failed" : "was cancelled"} in the middle.`;
  return { became: "left", why: `It has no undo.${how}` };
}

async function filesOf(back: NodeRecord | undefined, values: Values): Promise<Restored> {
  const stored = back?.status === "done" ? back.output : null;
  const value = stored !== null ? await values.load(stored) : back?.error?.details;
  const small = stored === null || !isHandle(stored);
  const found = restored.safeParse(value);
  if (!found.success) return { files: [], runs: [] };
  return small ? found.data : { ...found.data, files: found.data.files.map((file) => ({ ...file, diff: "" })) };
}
