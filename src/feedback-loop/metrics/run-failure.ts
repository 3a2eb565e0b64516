import { on, type Metric } from "./metric.ts";

export const runFailure: Metric = {
  name: "run.failure",
  title: "Failed runs",
  what: "Share of runs of workflows that failed; cancelled ones do not count.",
  unit: "share",
  better: "lower",
  ref: "run",
  labels: ["workflow"],
  guard: true,
  sources: [
    on("run.ended", ({ runId, workflow, state }) =>
      state === "cancelled" ? null : { value: state === "failed" ? 1 : 0, ref: runId, labels: { workflow } },
    ),
  ],
};
