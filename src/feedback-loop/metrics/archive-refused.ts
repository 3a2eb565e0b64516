import { on, type Metric } from "./metric.ts";

export const archiveRefused: Metric = {
  name: "archive.refused",
  title: "Refused archives",
  what: "Share of attempts to archive a change that were refused.",
  unit: "share",
  better: "lower",
  ref: "change",
  labels: ["code"],
  guard: false,
  sources: [
    on("change.archived", ({ changeId }) => ({ value: 0, ref: changeId })),
    on("change.archive_refused", ({ changeId, code }) => ({ value: 1, ref: changeId, labels: { code } })),
  ],
};
