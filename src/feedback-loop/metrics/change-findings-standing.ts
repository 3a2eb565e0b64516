import { on, type Metric } from "./metric.ts";

export const changeFindingsStanding: Metric = {
  name: "change.findings_standing",
  title: "Standing findings",
  what: "Findings that a change has after each look that changed them.",
  unit: "count",
  better: "lower",
  ref: "change",
  labels: [],
  guard: false,
  sources: [on("change.findings_changed", ({ changeId, standing }) => ({ value: standing, ref: changeId }))],
};
