import { on, type Metric } from "./metric.ts";

export const toolTime: Metric = {
  name: "tool.time",
  what: "Time of a tool call.",
  unit: "ms",
  better: "lower",
  sources: [on("tool.called", ({ tool, ms }) => ({ value: ms, ref: tool, labels: { tool } }))],
};
