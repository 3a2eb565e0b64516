import { on, type Metric } from "./metric.ts";

export const answerJudgedWrong: Metric = {
  name: "answer.judged_wrong",
  title: "Answers judged wrong",
  what: "Share of judged answers that were called wrong; in replay, answers that differ from the accepted one, or to what should be declined.",
  unit: "share",
  better: "lower",
  ref: "question",
  labels: ["verdict", "route"],
  guard: true,
  sources: [
    on("answer.judged", ({ questionId, verdict, route }) => ({
      value: verdict === "wrong" ? 1 : 0,
      ref: questionId,
      labels: { verdict, ...(route !== undefined && { route }) },
    })),
  ],
  replay: ({ status, right }) => (status === "answered" && right === false ? 1 : 0),
};
