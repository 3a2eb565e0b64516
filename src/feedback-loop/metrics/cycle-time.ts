import { on, type Metric } from "./metric.ts";

export const cycleTime: Metric = {
  name: "cycle.time",
  what: "Time of one turn of the loop without the model's part.",
  unit: "ms",
  better: "lower",
  sources: [on("cycle.finished", ({ cycleId, ms }) => ({ value: ms, ref: cycleId }))],
};
