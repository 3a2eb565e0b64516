import { commitOf } from "./commit-of.ts";
import { on, type Metric } from "./metric.ts";

export const archiveTextsSaved: Metric = {
  name: "archive.texts_saved",
  title: "Losses prevented",
  what: "Requirement texts in an archived change that OpenSpec alone would have lost.",
  unit: "count",
  better: "higher",
  ref: "change",
  labels: [],
  guard: false,
  sources: [
    on("change.archived", ({ changeId, savedTexts, commit }) => ({
      value: savedTexts,
      ref: changeId,
      labels: commitOf(commit),
    })),
  ],
};
