export { options, type QuestionOptions } from "./options.ts";
export { QuestionRouter, type QuestionRouterDependencies } from "./router.ts";
export { migrations, type QuestionTables, type QuestionTelemetryTables, telemetryMigrations } from "./tables.ts";
export { tools } from "./tools.ts";
export {
  type Answer,
  type AnswerRequest,
  type AskRequest,
  type AskResult,
  type Citation,
  type Hop,
  type JudgeRequest,
  type Kind,
  type ListRequest,
  type QuestionPage,
  type QuestionView,
  type RecordedQuestion,
  type ReplayEnvironment,
  type ReplayOutcome,
} from "./types.ts";
