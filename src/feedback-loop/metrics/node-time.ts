import { on, type Metric } from "./metric.ts";

/** Types of nodes whose time says how long a person, a time or another run took. */
const WAITS = new Set(["wait", "approval", "question", "map", "workflow"]);

export const nodeTime: Metric = {
  name: "node.time",
  title: "Time of a node",
  what: "Time of a node that ended well; those that only wait do not count.",
  unit: "ms",
  better: "lower",
  ref: "node",
  labels: ["type"],
  guard: true,
  sources: [
    on("node.ended", ({ runId, key, type, ok, ms }) =>
      ok && !WAITS.has(type) ? { value: ms, ref: `${runId}/${key}`, labels: { type } } : null,
    ),
  ],
};
