import { on, type Metric } from "./metric.ts";

export const questionExpired: Metric = {
  name: "question.expired",
  title: "Expired questions",
  what: "Share of questions that ended without any answer.",
  unit: "share",
  better: "lower",
  ref: "question",
  labels: [],
  guard: false,
  sources: [
    on("question.expired", ({ questionId }) => ({ value: 1, ref: questionId })),
    on("question.answered", ({ questionId, cached }) => (cached ? null : { value: 0, ref: questionId })),
  ],
};
