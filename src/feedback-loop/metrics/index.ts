import { answerJudgedWrong } from "./answer-judged-wrong.ts";
import { changeFindingsNew } from "./change-findings-new.ts";
import { changeInvalid } from "./change-invalid.ts";
import { cycleTime } from "./cycle-time.ts";
import { documentRefused } from "./document-refused.ts";
import { documentUpdateTime } from "./document-update-time.ts";
import { llmFailure } from "./llm-failure.ts";
import { llmTime } from "./llm-time.ts";
import { runFailure } from "./run-failure.ts";
import { runTime } from "./run-time.ts";
import { runTokens } from "./run-tokens.ts";
import { runCost } from "./run-cost.ts";
import { nodeFailure } from "./node-failure.ts";
import { nodeRetry } from "./node-retry.ts";
import { nodeTime } from "./node-time.ts";
import { llmTokens } from "./llm-tokens.ts";
import type { Metric } from "./metric.ts";
import { questionCacheHit } from "./question-cache-hit.ts";
import { questionDocumentsAnswered } from "./question-documents-answered.ts";
import { questionTimeToAnswer } from "./question-time-to-answer.ts";
import { questionUnanswered } from "./question-unanswered.ts";
import { toolFailure } from "./tool-failure.ts";
import { toolTime } from "./tool-time.ts";

export type { Metric } from "./metric.ts";

/** Every metric; adding one is a file here and a line below. */
export const METRICS: readonly Metric[] = [
  questionTimeToAnswer,
  questionCacheHit,
  questionUnanswered,
  questionDocumentsAnswered,
  answerJudgedWrong,
  documentUpdateTime,
  documentRefused,
  changeFindingsNew,
  changeInvalid,
  toolFailure,
  toolTime,
  llmTime,
  llmFailure,
  runFailure,
  runTime,
  runTokens,
  runCost,
  nodeFailure,
  nodeRetry,
  nodeTime,
  llmTokens,
  cycleTime,
];

/** The metric of this name, undefined when there is none. */
export function metricNamed(name: string): Metric | undefined {
  return METRICS.find((metric) => metric.name === name);
}
