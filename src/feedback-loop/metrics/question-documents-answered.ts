import { on, type Metric } from "./metric.ts";

export const questionDocumentsAnswered: Metric = {
  name: "question.documents_answered",
  title: "Answered by documents",
  what: "Share of questions that the documents answered; in replay, the share answered right less the share answered wrong.",
  unit: "share",
  better: "higher",
  ref: "question",
  labels: ["route"],
  guard: true,
  sources: [
    on("question.answered", ({ questionId, route, cached }) =>
      cached || route === "person" || route === "agent"
        ? null
        : { value: route === "documents" ? 1 : 0, ref: questionId, labels: { route } },
    ),
    on("question.left_pending", ({ questionId }) => ({ value: 0, ref: questionId })),
  ],
  // A wrong answer costs what a right one brings, so nothing is gained by answering more at the price of being wrong.
  replay: ({ status, right }) => (status === "answered" ? (right === true ? 1 : -1) : 0),
};
