import { on, type Metric } from "./metric.ts";

export const changeInvalid: Metric = {
  name: "change.invalid",
  title: "Invalid changes",
  what: "Share of validations that OpenSpec did not pass.",
  unit: "share",
  better: "lower",
  ref: "change",
  labels: [],
  guard: false,
  sources: [on("change.validated", ({ changeId, valid }) => ({ value: valid ? 0 : 1, ref: changeId }))],
};
