import { on, type Metric } from "./metric.ts";

export const questionTimeToAnswer: Metric = {
  name: "question.time_to_answer",
  title: "Time to answer",
  what: "Time from asking a question to its answer.",
  unit: "ms",
  better: "lower",
  ref: "question",
  labels: ["route"],
  guard: true,
  sources: [
    on("question.answered", ({ questionId, ms, route }) => ({ value: ms, ref: questionId, labels: { route } })),
  ],
  replay: ({ status, ms }) => (status === "answered" ? ms : null),
};
