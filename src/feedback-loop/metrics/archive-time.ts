import { commitOf } from "./commit-of.ts";
import { on, type Metric } from "./metric.ts";

export const archiveTime: Metric = {
  name: "archive.time",
  title: "Time of an archive",
  what: "Time that archiving a change takes, its checks and its commit included.",
  unit: "ms",
  better: "lower",
  ref: "change",
  labels: [],
  guard: false,
  sources: [
    on("change.archived", ({ changeId, ms, commit }) => ({ value: ms, ref: changeId, labels: commitOf(commit) })),
  ],
};
