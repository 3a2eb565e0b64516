import type { Command } from "commander";
import type { Bind } from "../bind.ts";
import { callTool } from "../context.ts";
import { numberOption } from "../number-option.ts";
import { questionStatsView } from "../views/question-stats.ts";

/** `specloop questions stats` */
export function registerQuestionStats(questions: Command, bind: Bind): void {
  questions
    .command("stats")
    .description("how questions were answered: hits, misses, false hits, latencies")
    .option("--days <n>", "how many days back", "7")
    .action(
      bind(async (context, _arguments, options) => {
        const { days } = options as { days: string };
        const { output } = await callTool(context, "question_stats", { days: numberOption("--days", days) });
        context.output.result(output, () => questionStatsView(output, context.output));
      }),
    );
}
