import { on, type Metric } from "./metric.ts";

export const llmTokens: Metric = {
  name: "llm.tokens",
  what: "Tokens of a model call that succeeded, of prompt and answer.",
  unit: "tokens",
  better: "lower",
  sources: [
    on("llm.called", ({ ok, purpose, model, tokensIn, tokensOut }) =>
      ok ? { value: tokensIn + tokensOut, ref: purpose, labels: { purpose, model } } : null,
    ),
  ],
};
