import { answerFalseHit } from "./answer-false-hit.ts";
import { answerJudgedWrong } from "./answer-judged-wrong.ts";
import { answerUseful } from "./answer-useful.ts";
import { archiveRefused } from "./archive-refused.ts";
import { archiveTextsSaved } from "./archive-texts-saved.ts";
import { archiveTime } from "./archive-time.ts";
import { changeFindingsNew } from "./change-findings-new.ts";
import { changeFindingsStanding } from "./change-findings-standing.ts";
import { changeInvalid } from "./change-invalid.ts";
import { changeMergeConflicts } from "./change-merge-conflicts.ts";
import { changeTimeInStage } from "./change-time-in-stage.ts";
import { changeValidationTime } from "./change-validation-time.ts";
import { cycleTime } from "./cycle-time.ts";
import { documentConflict } from "./document-conflict.ts";
import { documentRefused } from "./document-refused.ts";
import { documentUpdateTime } from "./document-update-time.ts";
import { llmFailure } from "./llm-failure.ts";
import { llmTime } from "./llm-time.ts";
import { llmTokens } from "./llm-tokens.ts";
import type { Metric } from "./metric.ts";
import { nodeFailure } from "./node-failure.ts";
import { nodeRetry } from "./node-retry.ts";
import { nodeTime } from "./node-time.ts";
import { questionCacheHit } from "./question-cache-hit.ts";
import { questionDocumentsAnswered } from "./question-documents-answered.ts";
import { questionExpired } from "./question-expired.ts";
import { questionRepeated } from "./question-repeated.ts";
import { questionTimeToAnswer } from "./question-time-to-answer.ts";
import { questionUnanswered } from "./question-unanswered.ts";
import { runCost } from "./run-cost.ts";
import { runFailure } from "./run-failure.ts";
import { runTime } from "./run-time.ts";
import { runTokens } from "./run-tokens.ts";
import { toolFailure } from "./tool-failure.ts";
import { toolTime } from "./tool-time.ts";

export type { Earlier, Metric } from "./metric.ts";

/** Every metric; adding one is a file here and a line below. */
export const METRICS: readonly Metric[] = [
  questionTimeToAnswer,
  questionCacheHit,
  questionUnanswered,
  questionRepeated,
  questionExpired,
  questionDocumentsAnswered,
  answerJudgedWrong,
  answerUseful,
  answerFalseHit,
  documentUpdateTime,
  documentRefused,
  documentConflict,
  changeFindingsNew,
  changeFindingsStanding,
  changeInvalid,
  changeValidationTime,
  changeTimeInStage,
  changeMergeConflicts,
  archiveTime,
  archiveRefused,
  archiveTextsSaved,
  runFailure,
  runTime,
  runTokens,
  runCost,
  nodeFailure,
  nodeRetry,
  nodeTime,
  llmTime,
  llmFailure,
  llmTokens,
  toolFailure,
  toolTime,
  cycleTime,
];

/** The metric of this name, undefined when there is none. */
export function metricNamed(name: string): Metric | undefined {
  return METRICS.find((metric) => metric.name === name);
}
