import { on, type Metric } from "./metric.ts";

export const llmTokens: Metric = {
  name: "llm.tokens",
  title: "Tokens of a model call",
  what: "Tokens of a model call that succeeded, of prompt and answer.",
  unit: "tokens",
  better: "lower",
  ref: "purpose",
  labels: ["purpose", "model"],
  guard: true,
  sources: [
    on("llm.called", ({ ok, purpose, model, tokensIn, tokensOut }) =>
      ok ? { value: tokensIn + tokensOut, ref: purpose, labels: { purpose, model } } : null,
    ),
  ],
};
