import { commitOf } from "./commit-of.ts";
import { on, type Metric } from "./metric.ts";

export const documentUpdateTime: Metric = {
  name: "document.update_time",
  title: "Time of an edit",
  what: "Time of a document update, commit included.",
  unit: "ms",
  better: "lower",
  ref: "document",
  labels: [],
  guard: true,
  sources: [on("document.updated", ({ path, ms, commit }) => ({ value: ms, ref: path, labels: commitOf(commit) }))],
};
