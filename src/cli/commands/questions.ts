import type { Command } from "commander";
import { callTool, type CliContext } from "../context.ts";
import { registerEvaluate } from "./evaluate.ts";
import { numberOption } from "../number-option.ts";
import { registerQuestionStats } from "./question-stats.ts";
import { questionTable } from "../tables.ts";
import { questionView } from "../views/question.ts";
import type { Bind } from "../bind.ts";

export function registerQuestions(program: Command, bind: Bind): void {
  const questions = program
    .command("questions")
    .alias("question")
    .description("list questions, those that wait for an answer first; with an id, one question and its route")
    .argument("[id]", "a question's id")
    .option("--status <status>", "pending, answered or expired")
    .option("--limit <n>", "how many", "20")
    .option("--cursor <cursor>", "where the page before ended, with --status")
    .action(
      bind(async (context, [id], options) => {
        const { status, limit, cursor } = options as { status?: string; limit: string; cursor?: string };
        const { output } = context;
        if (id) {
          const answer = await callTool(context, "question_get", { questionId: id });
          return output.result(answer.output, () => questionView(answer.output, output, context));
        }
        const list = await listQuestions(context, { status, cursor, limit: numberOption("--limit", limit) });
        output.result(list, () => questionTable(list, output));
      }),
    );
  registerEvaluate(questions, bind);
  registerQuestionStats(questions, bind);
}

interface Row {
  status: string;
}

/** Newest first; without a status those that wait come before all others. */
async function listQuestions(
  context: CliContext,
  { status, limit, cursor }: { status: string | undefined; limit: number; cursor: string | undefined },
) {
  if (status !== undefined || cursor !== undefined)
    return (await callTool(context, "question_list", { status, limit, ...(cursor && { cursor }) })).output;
  const [waiting, all] = await Promise.all([
    callTool(context, "question_list", { status: "pending", limit }),
    callTool(context, "question_list", { limit }),
  ]);
  const others = (all.output["questions"] as Row[]).filter((row) => row.status !== "pending");
  const questions = [...(waiting.output["questions"] as Row[]), ...others].slice(0, limit);
  return { questions, total: all.output["total"] };
}
