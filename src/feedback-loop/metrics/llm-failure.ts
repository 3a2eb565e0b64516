import { on, type Metric } from "./metric.ts";

export const llmFailure: Metric = {
  name: "llm.failure",
  what: "Share of model calls that failed.",
  unit: "share",
  better: "lower",
  sources: [
    on("llm.called", ({ ok, purpose, code }) => ({ value: ok ? 0 : 1, ref: purpose, labels: code ? { code } : {} })),
  ],
};
