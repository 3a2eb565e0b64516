import { on, type Metric } from "./metric.ts";

export const nodeFailure: Metric = {
  name: "node.failure",
  title: "Failed nodes",
  what: "Share of nodes that failed for good, after every retry.",
  unit: "share",
  better: "lower",
  ref: "node",
  labels: ["type", "failure"],
  guard: true,
  sources: [
    // A node that was cancelled with its run has no failure.
    on("node.ended", ({ runId, key, type, ok, failure }) =>
      ok || failure !== undefined
        ? { value: ok ? 0 : 1, ref: `${runId}/${key}`, labels: { type, ...(failure !== undefined && { failure }) } }
        : null,
    ),
  ],
};
