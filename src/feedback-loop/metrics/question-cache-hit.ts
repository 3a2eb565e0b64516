import { on, type Metric } from "./metric.ts";

export const questionCacheHit: Metric = {
  name: "question.cache_hit",
  title: "Cache hits",
  what: "Share of answers that were given before: to the same question, or to a similar one.",
  unit: "share",
  better: "higher",
  ref: "question",
  labels: ["route"],
  guard: false,
  sources: [
    on("question.answered", ({ questionId, cached, route }) => ({
      value: cached || route === "similar" ? 1 : 0,
      ref: questionId,
      labels: { route },
    })),
  ],
};
