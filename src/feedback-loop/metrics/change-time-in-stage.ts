import { on, type Metric } from "./metric.ts";

export const changeTimeInStage: Metric = {
  name: "change.time_in_stage",
  title: "Time in a stage",
  what: "Time that a change spent in the stage which it left, since specloop saw it enter.",
  unit: "ms",
  better: "lower",
  ref: "change",
  labels: ["stage"],
  guard: false,
  sources: [
    on("change.state_changed", ({ changeId, root, from, to, at }, earlier) => {
      const since = earlier.entered(`${root}/${changeId}`, to === null ? null : at);
      // A clock that was set back says nothing.
      if (since === null || from === null || at < since) return null;
      return { value: at - since, ref: changeId, labels: { stage: from } };
    }),
  ],
};
