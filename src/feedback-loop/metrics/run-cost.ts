import { on, type Metric } from "./metric.ts";

export const runCost: Metric = {
  name: "run.cost",
  title: "Cost of a run",
  what: "US dollars of a run that ended well; runs with a call of unknown price do not count.",
  unit: "usd",
  better: "lower",
  ref: "run",
  labels: ["workflow"],
  guard: true,
  sources: [
    on("run.ended", ({ runId, workflow, state, usd }) =>
      state === "succeeded" && usd !== null ? { value: usd, ref: runId, labels: { workflow } } : null,
    ),
  ],
};
