import type { Command } from "commander";
import { SpecloopError } from "../../../foundation/errors.ts";
import type { Bind } from "../../bind.ts";
import { callTool, type CliContext } from "../../context.ts";
import { givenText } from "../../given-text.ts";
import { processedView } from "../../views/processed.ts";
import { withRoot } from "./root-option.ts";

export function registerQuestions(change: Command, bind: Bind): void {
  withRoot(change.command("questions"))
    .description("the open questions of a change: ask them, answer them where they stand, let the model suggest more")
    .argument("<id>", "the change's id")
    .option("--ask [numbers...]", "ask these questions, or every open one")
    .option("--answer <number>", "answer this question with --text; the answer is written below it")
    .option("--text <text>", "the answer; - reads stdin, @FILE a file")
    .option("--accept <number>", "take over the answer that was suggested for this question")
    .option("--suggest", "let the model say what it would ask and make better")
    .action(
      bind(async (context, [id], given) => {
        const answer = await callTool(context, "change_process", { id, ...(await toInput(context, given)) });
        context.output.result(answer.output, () => processedView(answer.output, context.output, context));
      }),
    );
}

interface QuestionsOptions {
  root?: string;
  ask?: true | string[];
  answer?: string;
  text?: string;
  accept?: string;
  suggest?: boolean;
}

async function toInput(context: CliContext, given: QuestionsOptions): Promise<Record<string, unknown>> {
  const { root, ask, answer, text, accept, suggest } = given;
  if ((answer === undefined) !== (text === undefined)) {
    throw new SpecloopError("bad_input", "An answer needs both: --answer NUMBER --text TEXT.", { target: "answer" });
  }
  return {
    ...(root !== undefined && { root }),
    ...(ask !== undefined && { ask: ask === true ? "all" : ask.map((number) => numbered("--ask", number)) }),
    ...(answer !== undefined &&
      text !== undefined && {
        answer: { question: numbered("--answer", answer), text: await givenText(context, text) },
      }),
    ...(accept !== undefined && { accept: numbered("--accept", accept) }),
    ...(suggest === true && { suggest }),
  };
}

function numbered(option: string, given: string): number {
  if (/^[1-9]\d{0,3}$/.test(given)) return Number(given);
  throw new SpecloopError("bad_input", `${option} takes the number of a question, not "${given}".`, {
    target: option.slice(2),
  });
}
