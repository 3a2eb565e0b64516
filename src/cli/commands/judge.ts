import type { Command } from "commander";
import { z } from "zod";
import type { Bind } from "../bind.ts";
import { callTool } from "../context.ts";
import type { Output } from "../output.ts";

export function registerJudge(program: Command, bind: Bind): void {
  program
    .command("judge")
    .description(
      "say of an answer that it was useful, wrong or outdated; what is wrong or outdated is not served again",
    )
    .argument("<id>", "the question's id")
    .argument("<verdict>", "useful, wrong or outdated")
    .option("--correction <text>", "the right answer, which is served from now on")
    .action(
      bind(async (context, [questionId = "", verdict], options) => {
        const correction = options["correction"] as string | undefined;
        const { output } = await callTool(context, "answer_judge", { questionId, verdict, correction });
        context.output.result(output, () => judgedView({ questionId, verdict, ...output }, context.output));
      }),
    );
}

const judged = z.object({
  questionId: z.string(),
  verdict: z.enum(["useful", "wrong", "outdated"]),
  corrected: z.object({ text: z.string(), by: z.string() }).nullish(),
});

function judgedView(given: unknown, output: Output): string {
  const { questionId, verdict, corrected } = judged.parse(given);
  const said = `The answer to ${questionId} is judged ${output.style(verdict === "useful" ? "green" : "yellow", verdict)}.`;
  if (corrected) return `${said} From now on ${corrected.by} answers:\n\n${corrected.text}`;
  return verdict === "useful" ? said : `${said} It is not served again.`;
}
