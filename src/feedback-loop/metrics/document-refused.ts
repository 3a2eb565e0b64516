import { on, type Metric } from "./metric.ts";

export const documentRefused: Metric = {
  name: "document.refused",
  title: "Refused edits",
  what: "Share of document updates that were refused.",
  unit: "share",
  better: "lower",
  ref: "document",
  labels: ["code"],
  guard: true,
  sources: [
    on("document.updated", ({ path }) => ({ value: 0, ref: path })),
    on("document.refused", ({ path, code }) => ({ value: 1, ref: path, labels: { code } })),
  ],
};
