import { on, type Metric } from "./metric.ts";

export const llmTime: Metric = {
  name: "llm.time",
  title: "Time of a model call",
  what: "Time of a model call that succeeded.",
  unit: "ms",
  better: "lower",
  ref: "purpose",
  labels: ["purpose", "model"],
  guard: true,
  sources: [
    on("llm.called", ({ ok, ms, purpose, model }) =>
      ok ? { value: ms, ref: purpose, labels: { purpose, model } } : null,
    ),
  ],
};
