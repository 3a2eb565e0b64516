import { on, type Metric } from "./metric.ts";

export const changeFindingsNew: Metric = {
  name: "change.findings_new",
  what: "New findings per look at a change.",
  unit: "count",
  better: "lower",
  sources: [on("change.findings_changed", ({ changeId, added }) => ({ value: added.length, ref: changeId }))],
};
