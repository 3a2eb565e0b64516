export type { CycleReport } from "./cycle.ts";
export type { Experiment } from "./experiment.ts";
export type { MetricFigures } from "./figures.ts";
export { FeedbackLoop, type FeedbackLoopDependencies } from "./loop.ts";
export { METRICS } from "./metrics/index.ts";
export { migrations, telemetryMigrations } from "./migrations.ts";
export { options, type LoopOptions } from "./options.ts";
export type {
  ArrivalSource,
  ChangeDraft,
  Documents,
  LoopApprovals,
  Origin,
  Proposals,
  RecordedQuestion,
  Replay,
  ReplayEnvironment,
  ReplayOutcome,
  Tunables,
} from "./ports.ts";
export type { LoopTables, SampleTables } from "./tables.ts";
export { tools } from "./tools.ts";
export type { Verdict } from "./verdict.ts";
export type { LoopStatus, ProposalView } from "./views.ts";
