import { on, type Metric } from "./metric.ts";

export const answerJudgedWrong: Metric = {
  name: "answer.judged_wrong",
  what: "Share of judged answers that were called wrong; in replay, answers that differ from the accepted one, or to what should be declined.",
  unit: "share",
  better: "lower",
  sources: [
    on("answer.judged", ({ questionId, verdict }) => ({ value: verdict === "wrong" ? 1 : 0, ref: questionId })),
  ],
  replay: ({ status, right }) => (status === "answered" && right === false ? 1 : 0),
};
