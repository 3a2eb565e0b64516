import { on, type Metric } from "./metric.ts";

export const cycleTime: Metric = {
  name: "cycle.time",
  title: "Time of a cycle",
  what: "Time of one turn of the loop without the model's part.",
  unit: "ms",
  better: "lower",
  ref: "cycle",
  labels: [],
  guard: false,
  sources: [on("cycle.finished", ({ cycleId, ms }) => ({ value: ms, ref: cycleId }))],
};
