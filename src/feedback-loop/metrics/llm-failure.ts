import { on, type Metric } from "./metric.ts";

export const llmFailure: Metric = {
  name: "llm.failure",
  title: "Failed model calls",
  what: "Share of model calls that failed.",
  unit: "share",
  better: "lower",
  ref: "purpose",
  labels: ["purpose", "code"],
  guard: true,
  sources: [
    on("llm.called", ({ ok, purpose, code }) => ({
      value: ok ? 0 : 1,
      ref: purpose,
      labels: { purpose, ...(code !== undefined && { code }) },
    })),
  ],
};
