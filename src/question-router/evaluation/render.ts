import type { Evaluation } from "./evaluate.ts";
import type { Outcome } from "./figures.ts";

const SHOWN_MISSES = 20;

/** The figures as markdown. */
export function renderEvaluation(evaluation: Evaluation): string {
  const { questions, answerable, recallAt1, recallAt5, mrr, ndcg, now, curve, misses, overlap } = evaluation;
  const rows = [...curve.filter((_row, at) => at % 2 === 0), now].map(outcomeRow);
  const wrong = misses.filter(({ outcome }) => outcome !== "declined").slice(0, SHOWN_MISSES);
  return [
    `${questions} questions, ${answerable} of them answerable: a right section comes first for ${percent(recallAt1)}, ` +
      `among five for ${percent(recallAt5)}; MRR ${mrr.toFixed(3)}, nDCG@10 ${ndcg.toFixed(3)}` +
      (overlap === null ? "." : `; right answers overlap ${percent(overlap)} with the sentences given.`),
    `| minScore | right | wrong | unfounded | declined | precision | coverage |\n|---|---|---|---|---|---|---|\n${rows.join("\n")}`,
    "The last row is the setting in force.",
    ...(wrong.length === 0
      ? []
      : [wrong.map((miss) => `- ${miss.outcome}: ${miss.question} -> ${miss.found}`).join("\n")]),
  ].join("\n\n");
}

function outcomeRow({ minScore, right, wrong, unfounded, declined, precision, coverage }: Outcome): string {
  const cells = [minScore.toFixed(2), right, wrong, unfounded, declined, share(precision), percent(coverage)];
  return `| ${cells.join(" | ")} |`;
}

function share(value: number | null): string {
  return value === null ? "" : percent(value);
}

function percent(value: number): string {
  return `${(value * 100).toFixed(0)} %`;
}
