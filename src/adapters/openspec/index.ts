export type { ArchiveReport } from "./archive-cli.ts";
export {
  parseDelta,
  type DeltaOperation,
  type DeltaSection,
  type ParsedDelta,
  type Removal,
  type Rename,
} from "./delta.ts";
export { isChangeId, writeChange } from "./draft.ts";
export { matcher } from "./glob.ts";
export { matchLines } from "./line-diff.ts";
export { locate } from "./locate.ts";
export { splitLines, type Lines, type TextRange } from "./lines.ts";
export { readConfig, readMetadata, type ChangeMetadata } from "./metadata.ts";
export { mergeBlocks, placedLines, saysTheSame, type BlockMerge, type MergeConflict } from "./merge.ts";
export type { ChangeDraft, DraftDelta, PlanningConfig, PlanningRoot, Verdict, VerdictIssue } from "./port.ts";
export { foldName, type Requirement, type Scenario } from "./requirement.ts";
export { findRoots, readRoot, type FoundRoots } from "./roots.ts";
export { readSchema, SPEC_DRIVEN, type ChangeSchema } from "./schema.ts";
export { parseSpec, type ParsedSpec, type Section } from "./spec.ts";
export type { SpecProblem } from "./spec-problems.ts";
export { dataFolder, findStore, type PlanningStore } from "./store.ts";
export { parseTasks, withoutTicks, type ParsedTask } from "./tasks.ts";
export { trustsProjectInstallation, Validator } from "./validator.ts";
