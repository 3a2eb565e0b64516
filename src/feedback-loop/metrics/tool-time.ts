import { on, type Metric } from "./metric.ts";
import { knownTool } from "./known-tool.ts";

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
    on("tool.called", ({ tool, code, ms }) => ({
      value: ms,
      ref: tool.slice(0, 100),
      labels: { tool: knownTool(tool, code) },
    })),
  ],
};
