import { on, type Metric } from "./metric.ts";

export const answerFalseHit: Metric = {
  name: "answer.false_hit",
  title: "False hits",
  what: "Share of judged answers taken from a similar question that were called wrong.",
  unit: "share",
  better: "lower",
  ref: "question",
  labels: [],
  guard: true,
  sources: [
    on("answer.judged", ({ questionId, verdict, route }) =>
      route === "similar" ? { value: verdict === "wrong" ? 1 : 0, ref: questionId } : null,
    ),
  ],
};
