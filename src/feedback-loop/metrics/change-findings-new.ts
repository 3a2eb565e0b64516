import { on, type Metric } from "./metric.ts";

export const changeFindingsNew: Metric = {
  name: "change.findings_new",
  title: "New findings",
  what: "New findings per look at a change.",
  unit: "count",
  better: "lower",
  ref: "change",
  labels: [],
  guard: false,
  sources: [on("change.findings_changed", ({ changeId, added }) => ({ value: added.length, ref: changeId }))],
};
