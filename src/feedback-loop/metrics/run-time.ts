import { on, type Metric } from "./metric.ts";

export const runTime: Metric = {
  name: "run.time",
  title: "Time of a run",
  what: "Time of work of a run that ended well, without waits for people, times and runs below it.",
  unit: "ms",
  better: "lower",
  ref: "run",
  labels: ["workflow"],
  guard: true,
  sources: [
    on("run.ended", ({ runId, workflow, state, workMs }) =>
      state === "succeeded" ? { value: workMs, ref: runId, labels: { workflow } } : null,
    ),
  ],
};
