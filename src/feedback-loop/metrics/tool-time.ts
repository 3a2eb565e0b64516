import { on, type Metric } from "./metric.ts";

export const toolTime: Metric = {
  name: "tool.time",
  title: "Time of a tool call",
  what: "Time of a tool call.",
  unit: "ms",
  better: "lower",
  ref: "tool",
  labels: ["tool"],
  guard: true,
  sources: [
    on("tool.called", ({ tool, ms }) => ({
      value: ms,
      ref: tool,
      labels: { tool },
    })),
  ],
};
