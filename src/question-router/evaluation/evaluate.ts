import type { Live } from "../../foundation/options.ts";
import type { QuestionOptions } from "../options.ts";
import { type Figures, figuresOf } from "./figures.ts";
import type { LabelledQuestion } from "./labelled.ts";
import { measure, type Measured, type Searched } from "./measure.ts";

/** Questions that are listed because of how they were answered. */
const MAX_MISSES = 200;

/** A question that is not answered right under the options in force. */
export interface Miss {
  question: string;
  /** `wrong`: from another section; `unfounded`: although nothing is expected; `declined`: although a section answers. */
  outcome: "wrong" | "unfounded" | "declined";
  /** `path > heading` of the best section, null when none holds a word of the question. */
  found: string | null;
  confidence: number | null;
  /** Place of the right section among the first ten, from 1; null when it is not there or none is expected. */
  rank: number | null;
}

export interface Evaluation extends Figures {
  /** The first 200, the surest first. */
  misses: Miss[];
}

export interface EvaluationParts {
  index: Searched;
  corpus: { settled(): Promise<void> };
  options: Live<QuestionOptions>;
}

/** How labelled questions are answered from the documents as they are, under the options in force. Records nothing. */
export async function evaluate(
  { index, corpus, options }: EvaluationParts,
  questions: LabelledQuestion[],
  signal: AbortSignal,
): Promise<Evaluation> {
  await corpus.settled();
  const { minScore } = options.current.documents;
  const measured = await measure(index, questions, options.current, signal);
  const misses = measured.flatMap((one) => missOf(one, minScore));
  misses.sort((a, b) => (b.confidence ?? 0) - (a.confidence ?? 0));
  return { ...figuresOf(measured, { minScore }), misses: misses.slice(0, MAX_MISSES) };
}

function missOf({ question, answer, rank }: Measured, minScore: number): Miss[] {
  const isGiven = answer !== null && answer.confidence >= minScore;
  const answerable = question.expected.length > 0;
  if (isGiven ? answer.right : !answerable) return [];
  const outcome = !isGiven ? "declined" : answerable ? "wrong" : "unfounded";
  const { place: found = null, confidence = null } = answer ?? {};
  return [{ question: question.question, outcome, found, confidence, rank }];
}
