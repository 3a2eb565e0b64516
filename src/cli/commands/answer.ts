import type { Command } from "commander";
import { callTool } from "../context.ts";
import type { Bind } from "../bind.ts";

export function registerAnswer(program: Command, bind: Bind): void {
  program
    .command("answer")
    .description("answer a question that waits: specloop answer q-7k2m… The text of the answer")
    .argument("<id>", "the question's id")
    .argument("<text...>", "the answer")
    .action(
      bind(async (context, [questionId, ...words]) => {
        const answer = await callTool(context, "answer_submit", { questionId, text: words.join(" ") });
        context.output.result(answer.output, () => answer.text);
      }),
    );
}
