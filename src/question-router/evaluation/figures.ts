import { DEPTH, type Measured } from "./measure.ts";

/** How well the sections are found and the answers given, over the questions that one file holds. */
export type Figures = {
  questions: number;
  /** Questions whose answer the documents hold; the others ask for what they do not say. */
  answerable: number;
  /** Share of the answerable ones with a right section in the first place, and among the first five. */
  recallAt1: number;
  recallAt5: number;
  /** Mean of 1/rank of the first right section among the first ten. */
  mrr: number;
  /** Normalised discounted cumulative gain over the first ten, every right section counting 1. */
  ndcg: number;
  /** What is answered under the options in force. */
  now: Outcome;
  /** The same under other thresholds of confidence, from the lowest. */
  curve: Outcome[];
  /** How often answers of a confidence were right. */
  reliability: Reliability[];
  /** Mean overlap (F1 of words) of right answers with the sentences that were given for them; null without any. */
  overlap: number | null;
};

/** What is answered from a confidence on. */
export type Outcome = {
  minScore: number;
  /** Answered from a right section, from another one, and although the documents do not say it. */
  right: number;
  wrong: number;
  unfounded: number;
  declined: number;
  /** Share of the answers given that are right; null when none is given. */
  precision: number | null;
  /** Share of the answerable questions that are answered right. */
  coverage: number;
};

export type Reliability = {
  from: number;
  to: number;
  answers: number;
  /** Mean confidence of them, and the share that is right. */
  confidence: number;
  right: number;
};

const THRESHOLDS = Array.from({ length: 20 }, (_none, step) => step / 20);
const BINS = 5;

/** Sums up what was measured; `minScore` is the one in force. */
export function figuresOf(measured: Measured[], { minScore }: { minScore: number }): Figures {
  const answerable = measured.filter(({ question }) => question.expected.length > 0);
  const share = (count: number) => count / Math.max(1, answerable.length);
  const within = (rank: number) => share(answerable.filter((one) => (one.rank ?? Infinity) <= rank).length);
  const overlaps = measured.flatMap(({ answer }) => (answer?.overlap == null ? [] : [answer.overlap]));
  return {
    questions: measured.length,
    answerable: answerable.length,
    recallAt1: within(1),
    recallAt5: within(5),
    mrr: share(sum(answerable.map(({ rank }) => (rank === null ? 0 : 1 / rank)))),
    ndcg: share(sum(answerable.map(gain))),
    now: outcomeAt(measured, minScore),
    curve: THRESHOLDS.map((threshold) => outcomeAt(measured, threshold)),
    reliability: reliabilityOf(measured),
    overlap: overlaps.length === 0 ? null : sum(overlaps) / overlaps.length,
  };
}

function outcomeAt(measured: Measured[], minScore: number): Outcome {
  const answerable = measured.filter(({ question }) => question.expected.length > 0).length;
  const counts = { right: 0, wrong: 0, unfounded: 0 };
  const given = measured.filter(({ answer }) => answer !== null && answer.confidence >= minScore);
  for (const { question, answer } of given) {
    counts[answer?.right ? "right" : question.expected.length > 0 ? "wrong" : "unfounded"] += 1;
  }
  return {
    minScore,
    ...counts,
    declined: measured.length - given.length,
    precision: given.length === 0 ? null : counts.right / given.length,
    coverage: counts.right / Math.max(1, answerable),
  };
}

/** Järvelin and Kekäläinen 2002, with gains of 0 and 1. At most as many sections are expected as there are labels. */
function gain({ question, ranks }: Measured): number {
  const discounted = (rank: number) => 1 / Math.log2(rank + 1);
  const ideal = Math.min(DEPTH, Math.max(question.expected.length, ranks.length));
  const best = sum(Array.from({ length: ideal }, (_none, at) => discounted(at + 1)));
  return sum(ranks.map(discounted)) / best;
}

function reliabilityOf(measured: Measured[]): Reliability[] {
  const answers = measured.flatMap(({ answer }) => (answer ? [answer] : []));
  return Array.from({ length: BINS }, (_none, at) => {
    const [from, to] = [at / BINS, (at + 1) / BINS];
    const inside = answers.filter(({ confidence }) => confidence >= from && (confidence < to || to === 1));
    const mean = (numbers: number[]) => sum(numbers) / Math.max(1, numbers.length);
    return {
      from,
      to,
      answers: inside.length,
      confidence: round(mean(inside.map(({ confidence }) => confidence))),
      right: round(mean(inside.map(({ right }) => Number(right)))),
    };
  });
}

function round(share: number): number {
  return Math.round(share * 1000) / 1000;
}

function sum(numbers: number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
