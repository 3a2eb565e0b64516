import { on, type Metric } from "./metric.ts";

export const toolFailure: Metric = {
  name: "tool.failure",
  title: "Failed tool calls",
  what: "Share of tool calls that failed.",
  unit: "share",
  better: "lower",
  ref: "tool",
  labels: ["tool", "code"],
  guard: true,
  sources: [
    on("tool.called", ({ tool, ok, code }) => ({
      value: ok ? 0 : 1,
      ref: tool,
      labels: { tool, ...(code !== undefined && { code }) },
    })),
  ],
};
