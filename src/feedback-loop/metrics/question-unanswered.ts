import { on, type Metric } from "./metric.ts";

export const questionUnanswered: Metric = {
  name: "question.unanswered",
  title: "Unanswered when asked",
  what: "Share of questions that nothing could answer when they were asked.",
  unit: "share",
  better: "lower",
  ref: "question",
  labels: [],
  guard: true,
  sources: [
    on("question.left_pending", ({ questionId }) => ({ value: 1, ref: questionId })),
    // People and agents answer questions that were counted as unanswered before.
    on("question.answered", ({ questionId, route }) =>
      route === "person" || route === "agent" ? null : { value: 0, ref: questionId },
    ),
  ],
  // Declining what should be declined leaves nothing unanswered.
  replay: ({ status, right }) => (status === "answered" ? 0 : right === true ? null : 1),
};
