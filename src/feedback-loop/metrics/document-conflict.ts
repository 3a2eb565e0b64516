import { on, type Metric } from "./metric.ts";

/** Codes that say that somebody else was there first. */
const CONFLICTS = new Set(["stale_revision", "document_busy"]);

export const documentConflict: Metric = {
  name: "document.conflict",
  title: "Conflicting edits",
  what: "Share of document updates refused because the document had changed or was busy.",
  unit: "share",
  better: "lower",
  ref: "document",
  labels: ["code"],
  guard: true,
  sources: [
    on("document.updated", ({ path }) => ({ value: 0, ref: path })),
    on("document.refused", ({ path, code }) =>
      CONFLICTS.has(code) ? { value: 1, ref: path, labels: { code } } : { value: 0, ref: path },
    ),
  ],
};
