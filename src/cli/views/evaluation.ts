import { z } from "zod";
import type { Output } from "../output.ts";

const outcome = z.object({
  minScore: z.number(),
  right: z.number(),
  wrong: z.number(),
  unfounded: z.number(),
  declined: z.number(),
  precision: z.number().nullable(),
  coverage: z.number(),
});
const miss = z.object({
  question: z.string(),
  outcome: z.enum(["wrong", "unfounded", "declined"]),
  found: z.string().nullable(),
  confidence: z.number().nullable(),
  rank: z.number().nullable(),
});
const evaluation = z.object({
  questions: z.number(),
  answerable: z.number(),
  recallAt1: z.number(),
  recallAt5: z.number(),
  mrr: z.number(),
  ndcg: z.number(),
  overlap: z.number().nullable(),
  now: outcome,
  curve: z.array(outcome),
  reliability: z.array(z.object({ from: z.number(), to: z.number(), answers: z.number(), right: z.number() })),
  misses: z.array(miss),
});

/** How labelled questions were answered: what is found, what each threshold gives, what went wrong. */
export function evaluationView(result: unknown, output: Output, { misses: most }: { misses: number }): string {
  const shown = evaluation.parse(result);
  const { questions, answerable, recallAt1, recallAt5, mrr, ndcg, overlap, now, curve, reliability } = shown;
  return [
    `${output.style("bold", String(questions))} questions, ${answerable} of them answerable`,
    `  found first      ${percent(recallAt1)}`,
    `  among five       ${percent(recallAt5)}   MRR ${mrr.toFixed(3)}, nDCG@10 ${ndcg.toFixed(3)}`,
    ...(overlap === null ? [] : [`  overlap          ${percent(overlap)} of the words of the sentences given`]),
    "",
    outcomes([...curve.filter((row) => isShown(row, now.minScore)), now], output),
    "",
    output.table(
      ["CONFIDENCE", "ANSWERS", "RIGHT"],
      reliability.map(({ from, to, answers, right }) => [
        `${from.toFixed(1)}-${to.toFixed(1)}`,
        String(answers),
        answers === 0 ? "" : percent(right),
      ]),
    ),
    ...missTable(shown.misses.slice(0, most), output),
  ].join("\n");
}

function isShown({ minScore }: z.output<typeof outcome>, now: number): boolean {
  return Math.round(minScore * 100) % 10 === 0 && Math.abs(minScore - now) > 0.001;
}

function outcomes(rows: z.output<typeof outcome>[], output: Output): string {
  const sorted = rows.toSorted((a, b) => a.minScore - b.minScore);
  return output.table(
    ["MINSCORE", "RIGHT", "WRONG", "UNFOUNDED", "DECLINED", "PRECISION", "COVERAGE", ""],
    sorted.map((row) => [
      row.minScore.toFixed(2),
      String(row.right),
      String(row.wrong),
      String(row.unfounded),
      String(row.declined),
      row.precision === null ? "" : percent(row.precision),
      percent(row.coverage),
      rows.at(-1) === row ? "in force" : "",
    ]),
  );
}

function missTable(misses: z.output<typeof miss>[], output: Output): string[] {
  if (misses.length === 0) return [];
  const rows = misses.map(({ outcome, confidence, rank, question, found }) => [
    outcome,
    confidence?.toFixed(2) ?? "",
    rank === null ? "" : String(rank),
    `${question} ${output.style("dim", `-> ${found ?? "nothing"}`)}`,
  ]);
  return ["", output.table(["OUTCOME", "CONFIDENCE", "RANK", "QUESTION -> BEST SECTION"], rows)];
}

function percent(share: number): string {
  return `${(share * 100).toFixed(0)} %`;
}
