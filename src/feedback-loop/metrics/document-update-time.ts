import { on, type Metric } from "./metric.ts";

export const documentUpdateTime: Metric = {
  name: "document.update_time",
  what: "Time of a document update, commit included.",
  unit: "ms",
  better: "lower",
  sources: [on("document.updated", ({ path, ms }) => ({ value: ms, ref: path }))],
};
