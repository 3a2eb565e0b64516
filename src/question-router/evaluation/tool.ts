import { z } from "zod";
import { defineTool, type Tool } from "../../foundation/tool.ts";
import type { Evaluation } from "./evaluate.ts";
import { labelledQuestion, type LabelledQuestion, MAX_LABELLED } from "./labelled.ts";
import { renderEvaluation } from "./render.ts";

export interface Evaluator {
  evaluate(questions: LabelledQuestion[], signal: AbortSignal): Promise<Evaluation>;
}

const outcome = z.looseObject({ minScore: z.number(), right: z.number(), wrong: z.number(), unfounded: z.number() });

/** Measures the documents' answers on questions whose place is known. */
export function evaluationTool(router: Evaluator): Tool {
  return defineTool({
    name: "question_evaluate",
    title: "Measure answers on labelled questions",
    description:
      "Asks labelled questions of the documents alone and says how many are found and answered right, wrong or not, " +
      "at every threshold. Records nothing. An empty list of places means that the documents do not say it.",
    effect: "read",
    idempotent: true,
    toolset: "full",
    // What an agent may not read would show in what is found.
    personOnly: true,
    input: z.object({ questions: z.array(labelledQuestion).min(1).max(MAX_LABELLED) }),
    output: z.looseObject({
      questions: z.number(),
      answerable: z.number(),
      recallAt5: z.number(),
      mrr: z.number(),
      now: outcome,
      curve: z.array(outcome),
    }),
  }).handle({
    run: async ({ questions }, { signal }) => ({ ...(await router.evaluate(questions, signal)) }),
    render: (output) => renderEvaluation(output as unknown as Evaluation),
  });
}
