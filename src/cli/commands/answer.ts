import type { Command } from "commander";
import { SpecloopError } from "../../foundation/errors.ts";
import { submitAnswer } from "../answers.ts";
import type { Bind } from "../bind.ts";
import { callTool, type CliContext } from "../context.ts";
import { Draft } from "../drafts.ts";
import { givenText } from "../given-text.ts";
import { answeredView, questionText } from "../views/inbox.ts";

export function registerAnswer(program: Command, bind: Bind): void {
  program
    .command("answer")
    .description("answer a question that waits: specloop answer q-7k2m… The text of the answer")
    .argument("<id>", "the question's id")
    .argument("[text...]", "the answer")
    .option("--file <file>", "the answer is in this file; - is stdin")
    .option("--editor", "write it in $EDITOR; what is not sent is kept for the next time")
    .option("--into <place>", "write it into a document as well: PATH or PATH#HEADING")
    .action(
      bind(async (context, [questionId = "", ...words], options) => {
        const into = options["into"] as string | undefined;
        const draft = options["editor"] === true ? new Draft(context, questionId) : null;
        const text = draft ? await edited(context, draft, questionId) : await given(context, words, options);
        const answer = await submitAnswer(context, { questionId, text, into });
        await draft?.discard();
        context.output.result(answer.output, () => answeredView(answer.output, context.output));
      }),
    );
}

/** The words of the command line, a file or stdin: one of them. */
async function given(context: CliContext, words: string[], { file }: Record<string, unknown>): Promise<string> {
  const ways = (words.length > 0 ? 1 : 0) + (file === undefined ? 0 : 1);
  if (ways !== 1) {
    throw new SpecloopError("bad_input", "An answer is given as words, with --file or with --editor: one of them.", {
      fix: 'For example: specloop answer q-7k2m… "The text of the answer"',
    });
  }
  if (words.length > 0) return words.join(" ");
  return givenText(context, file === "-" ? "-" : `@${String(file)}`);
}

async function edited(context: CliContext, draft: Draft, questionId: string): Promise<string> {
  const { output } = await callTool(context, "question_get", { questionId });
  const text = await draft.edit(questionText(output));
  if (text !== null) return text;
  throw new SpecloopError("bad_input", "Nothing was written, so nothing was answered.", { target: questionId });
}
