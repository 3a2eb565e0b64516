import { on, type Metric } from "./metric.ts";

export const questionDocumentsAnswered: Metric = {
  name: "question.documents_answered",
  what: "Share of questions that the documents answered; in replay, answered right.",
  unit: "share",
  better: "higher",
  sources: [
    on("question.answered", ({ questionId, route, cached }) =>
      cached || route === "person" || route === "agent"
        ? null
        : { value: route === "documents" ? 1 : 0, ref: questionId, labels: { route } },
    ),
    on("question.left_pending", ({ questionId }) => ({ value: 0, ref: questionId })),
  ],
  replay: ({ status, right }) => (status === "answered" && right === true ? 1 : 0),
};
