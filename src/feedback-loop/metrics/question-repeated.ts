import { on, type Metric } from "./metric.ts";

export const questionRepeated: Metric = {
  name: "question.repeated",
  title: "Repeated questions",
  what: "Share of asks of a question that is on record already, answered or not.",
  unit: "share",
  better: "lower",
  ref: "question",
  labels: [],
  guard: false,
  sources: [
    on("question.asked", ({ questionId }, earlier) => ({ value: earlier.isNew(questionId) ? 0 : 1, ref: questionId })),
  ],
};
