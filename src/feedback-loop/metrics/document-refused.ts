import { on, type Metric } from "./metric.ts";

export const documentRefused: Metric = {
  name: "document.refused",
  what: "Share of document updates that were refused.",
  unit: "share",
  better: "lower",
  sources: [
    on("document.updated", ({ path }) => ({ value: 0, ref: path })),
    on("document.refused", ({ path, code }) => ({ value: 1, ref: path, labels: { code } })),
  ],
};
