import { on, type Metric } from "./metric.ts";

export const nodeRetry: Metric = {
  name: "node.retry",
  title: "Retried nodes",
  what: "Share of nodes of which an attempt failed and was made again.",
  unit: "share",
  better: "lower",
  ref: "node",
  labels: ["type"],
  guard: false,
  sources: [
    on("node.ended", ({ runId, key, type, retries }) => ({
      value: retries > 0 ? 1 : 0,
      ref: `${runId}/${key}`,
      labels: { type },
    })),
  ],
};
