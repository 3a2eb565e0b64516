import type { Command } from "commander";
import { callTool } from "../context.ts";
import { questionTable } from "../tables.ts";
import type { Bind } from "../bind.ts";

export function registerQuestions(program: Command, bind: Bind): void {
  program
    .command("questions")
    .description("list questions, those that wait for an answer first; with an id, one question and its route")
    .argument("[id]", "a question's id")
    .option("--status <status>", "pending, answered or expired")
    .option("--limit <n>", "how many", "20")
    .action(
      bind(async (context, [id], options) => {
        const { status, limit } = options as { status?: string; limit: string };
        const answer = id
          ? await callTool(context, "question_get", { questionId: id })
          : await callTool(context, "question_list", { ...(status && { status }), limit: Number(limit) });
        context.output.result(answer.output, () => (id ? answer.text : questionTable(answer.output, context.output)));
      }),
    );
}
