import { on, type Metric } from "./metric.ts";

export const changeMergeConflicts: Metric = {
  name: "change.merge_conflicts",
  title: "Merge conflicts",
  what: "Requirements of a merge that both sides had changed.",
  unit: "count",
  better: "lower",
  ref: "change",
  labels: [],
  guard: false,
  sources: [on("change.merged", ({ changeId, conflicts }) => ({ value: conflicts, ref: changeId }))],
};
