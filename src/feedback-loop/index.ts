export { METRICS } from "./metrics/index.ts";
export { migrations, sampleMigrations } from "./migrations.ts";
export { options, type LoopOptions } from "./options.ts";
export type {
  ChangeDraft,
  Documents,
  Origin,
  Proposals,
  RecordedQuestion,
  Replay,
  ReplayOutcome,
  Tunables,
} from "./ports.ts";
export type { LoopTables, SampleTables } from "./tables.ts";
