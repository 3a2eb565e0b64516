import { on, type Metric } from "./metric.ts";

export const toolFailure: Metric = {
  name: "tool.failure",
  what: "Share of tool calls that failed.",
  unit: "share",
  better: "lower",
  sources: [
    on("tool.called", ({ tool, ok, code }) => ({ value: ok ? 0 : 1, ref: tool, labels: code ? { code } : {} })),
  ],
};
