import { on, type Metric } from "./metric.ts";

export const questionUnanswered: Metric = {
  name: "question.unanswered",
  what: "Share of questions that nothing could answer when they were asked.",
  unit: "share",
  better: "lower",
  sources: [
    on("question.left_pending", ({ questionId }) => ({ value: 1, ref: questionId })),
    // A person's answer comes to a question that was counted as unanswered already.
    on("question.answered", ({ questionId, route }) => (route === "person" ? null : { value: 0, ref: questionId })),
  ],
  replay: ({ status }) => (status === "declined" ? 1 : 0),
};
