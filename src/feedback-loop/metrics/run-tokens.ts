import { on, type Metric } from "./metric.ts";

export const runTokens: Metric = {
  name: "run.tokens",
  title: "Tokens of a run",
  what: "Tokens of a run that ended well, those of the runs below it included.",
  unit: "tokens",
  better: "lower",
  ref: "run",
  labels: ["workflow"],
  guard: true,
  sources: [
    on("run.ended", ({ runId, workflow, state, tokensIn, tokensOut }) =>
      state === "succeeded" ? { value: tokensIn + tokensOut, ref: runId, labels: { workflow } } : null,
    ),
  ],
};
