import { on, type Metric } from "./metric.ts";

export const runTokens: Metric = {
  name: "run.tokens",
  what: "Tokens of a run that ended well, those of the runs below it included.",
  unit: "tokens",
  better: "lower",
  sources: [
    on("run.ended", ({ runId, workflow, state, tokensIn, tokensOut }) =>
      state === "succeeded" ? { value: tokensIn + tokensOut, ref: runId, labels: { workflow } } : null,
    ),
  ],
};
