import { on, type Metric } from "./metric.ts";

export const nodeFailure: Metric = {
  name: "node.failure",
  what: "Share of nodes that failed for good, after every retry.",
  unit: "share",
  better: "lower",
  sources: [
    on("node.ended", ({ runId, key, type, ok, failure }) => ({
      value: ok ? 0 : 1,
      ref: `${runId}/${key}`,
      labels: failure === undefined ? { type } : { type, failure },
    })),
  ],
};
