import { on, type Metric } from "./metric.ts";

export const answerUseful: Metric = {
  name: "answer.useful",
  title: "Answers judged useful",
  what: "Share of judged answers that were called useful.",
  unit: "share",
  better: "higher",
  ref: "question",
  labels: ["route"],
  guard: true,
  sources: [
    on("answer.judged", ({ questionId, verdict, route }) => ({
      value: verdict === "useful" ? 1 : 0,
      ref: questionId,
      labels: route === undefined ? {} : { route },
    })),
  ],
};
