import type { Command } from "commander";
import { callTool } from "../context.ts";
import type { Bind } from "../bind.ts";
import { numberOption } from "../number-option.ts";
import { askedView } from "../views/question.ts";

export function registerAsk(program: Command, bind: Bind): void {
  program
    .command("ask")
    .description("ask a question; answered from the cache, the documents or a model, else it waits for somebody")
    .argument("<text...>", "the question")
    .option("--kind <kind>", "fact, how_to, decision, authority or status")
    .option("--change <id>", "the change it is about")
    .option("--wait <seconds>", "how long to wait for an answer, at most 25", "0")
    .action(
      bind(async (context, words, options) => {
        const { kind, change, wait } = options as { kind?: string; change?: string; wait: string };
        const input = {
          text: words.join(" "),
          ...(kind && { kind }),
          ...(change && { change }),
          waitMs: Math.round(numberOption("--wait", wait) * 1000),
        };
        const answer = await callTool(context, "question_ask", input);
        context.output.result(answer.output, () => askedView(answer.output, context.output, context));
      }),
    );
}
