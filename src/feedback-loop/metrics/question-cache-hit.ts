import { on, type Metric } from "./metric.ts";

export const questionCacheHit: Metric = {
  name: "question.cache_hit",
  what: "Share of answers that came from the cache.",
  unit: "share",
  better: "higher",
  sources: [on("question.answered", ({ questionId, cached }) => ({ value: cached ? 1 : 0, ref: questionId }))],
};
