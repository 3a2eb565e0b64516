/** Rows of the loop in the core store. Lists and objects are JSON text; times are epoch milliseconds. */
export interface LoopTables {
  loop_cycles: CycleRow;
  loop_problems: ProblemRow;
  loop_proposals: ProposalRow;
  loop_experiments: ExperimentRow;
  loop_transitions: TransitionRow;
  loop_pairs: PairRow;
}

export interface CycleRow {
  id: string;
  started_at: number;
  /** Null while it runs, and for ever when the daemon died in it. */
  finished_at: number | null;
  ms: number | null;
  model_ms: number | null;
  model: string | null;
  model_calls: number;
  problems: number;
  proposals: number;
  /** JSON `{what, reason}[]`. */
  dropped: string;
}

export interface ProblemRow {
  id: string;
  cycle_id: string;
  code: string;
  metric: string;
  summary: string;
  /** JSON `Evidence[]`. */
  evidence: string;
  /** JSON `Candidate[]`. */
  candidates: string;
  fingerprint: string;
}

/** `drafted`: about to be committed on its branch. `approved`: an experiment row goes on from here. */
export type ProposalState = "drafted" | "proposed" | "approved" | "closed";

export interface ProposalRow {
  id: string;
  change_id: string;
  problem_id: string | null;
  fingerprint: string;
  /** `system:feedback-loop`, or `hand` for an experiment.yaml that somebody else wrote. */
  author: string;
  /** `template`, `model <name>` or `hand`. */
  drafted_by: string;
  title: string;
  /** JSON ChangeDraft, null for hand-written ones. */
  draft: string | null;
  /** JSON Experiment as proposed. */
  experiment: string;
  state: ProposalState;
  reason: string | null;
  branch: string | null;
  commit_id: string | null;
  created_at: number;
  closed_at: number | null;
  row_hash: string;
}

export type ExperimentState =
  | "approved"
  | "implementing"
  | "measuring"
  | "inconclusive"
  | "kept"
  | "reverted"
  | "closed";

export interface ExperimentRow {
  id: string;
  proposal_id: string;
  change_id: string;
  state: ExperimentState;
  /** JSON Experiment as approved: what HEAD held, whatever the proposal said before. */
  experiment: string;
  approved_by: string;
  approved_level: string;
  approved_commit: string;
  /** Id of the git tree of the change folder that was approved. */
  approved_tree: string;
  approved_at: number;
  /** What it waits for, in words for a person. */
  waiting: string | null;
  implement_commit: string | null;
  implemented_at: number | null;
  /** Tests that were made so far: each spends a part of alpha. */
  looks: number;
  pairs_at_look: number;
  /** JSON Verdict of the last look. */
  verdict: string | null;
  revert_commit: string | null;
  verdict_commit: string | null;
  /** Whether every effect of the present state is done: 0 or 1. */
  settled: number;
  updated_at: number;
  row_hash: string;
}

export interface TransitionRow {
  seq: number;
  subject: string;
  from_state: string;
  to_state: string;
  at: number;
  detail: string;
}

/** One replayed question of one look. */
export interface PairRow {
  experiment_id: string;
  look: number;
  question_id: string;
  /** `before` or `after`: which environment was asked first. */
  first: string;
  before_outcome: string;
  after_outcome: string;
  before_value: number;
  after_value: number;
  before_ms: number;
  after_ms: number;
}

/** Rows of the loop in the telemetry store. */
export interface SampleTables {
  samples: SampleRow;
  sample_batches: BatchRow;
  loop_questions: QuestionFactRow;
  metric_rollups: RollupRow;
  metric_marks: MarkRow;
}

export interface SampleRow {
  id: number;
  metric: string;
  value: number;
  at: number;
  ref: string | null;
  /** JSON object of short strings, null for none. */
  labels: string | null;
}

/** A closed batch of samples of one metric: one point of its control chart. */
export interface BatchRow {
  metric: string;
  count: number;
  mean: number;
  median: number;
  p95: number;
  from_id: number;
  to_id: number;
  at: number;
}

/** Many samples of one metric and label set together. */
export interface RollupRow {
  level: "hour" | "day";
  metric: string;
  /** JSON object, empty for no labels. */
  labels: string;
  /** Full hour or full day, UTC. */
  start: number;
  count: number;
  sum: number;
  squares: number;
  min: number;
  max: number;
  /** `bucket:count` pairs, see `Sketch`. */
  sketch: string;
}

/** Since when something is in its present state, for metrics of time spent. */
export interface MarkRow {
  key: string;
  at: number;
}

export interface QuestionFactRow {
  question_id: string;
  text: string;
  kind: string;
  /** `asked`, `pending`, `answered` or `expired`. */
  state: string;
  route: string | null;
  at: number;
}
