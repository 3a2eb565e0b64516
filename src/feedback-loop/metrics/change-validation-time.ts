import { on, type Metric } from "./metric.ts";

export const changeValidationTime: Metric = {
  name: "change.validation_time",
  title: "Time of a validation",
  what: "Time that OpenSpec's own verdict on a change takes.",
  unit: "ms",
  better: "lower",
  ref: "change",
  labels: [],
  guard: false,
  sources: [on("change.validated", ({ changeId, ms }) => ({ value: ms, ref: changeId }))],
};
