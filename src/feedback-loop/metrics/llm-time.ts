import { on, type Metric } from "./metric.ts";

export const llmTime: Metric = {
  name: "llm.time",
  what: "Time of a model call that succeeded.",
  unit: "ms",
  better: "lower",
  sources: [
    on("llm.called", ({ ok, ms, purpose, model }) =>
      ok ? { value: ms, ref: purpose, labels: { purpose, model } } : null,
    ),
  ],
};
