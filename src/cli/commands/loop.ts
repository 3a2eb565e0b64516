import type { Command } from "commander";
import { SpecloopError } from "../../foundation/errors.ts";
import { callTool, type CliContext, type ToolAnswer } from "../context.ts";
import { loopView, proposalsView } from "../views/loop.ts";
import type { Bind } from "../bind.ts";

/** Word after `specloop loop` -> the tool it calls. */
const WORDS = { status: "loop_status", run: "loop_run", list: "proposal_list" };
type Word = keyof typeof WORDS;

export function registerLoop(program: Command, bind: Bind): void {
  const loop = program
    .command("loop")
    .description("the improvement loop: monitor, analyze, propose, implement, measure");
  const summaries = {
    status: "where the loop stands: problems, open proposals, experiments",
    run: "run one cycle now: find problems and propose at most three changes",
    list: "every proposal with its state and verdict",
  };
  for (const [word, tool] of Object.entries(WORDS)) {
    loop
      .command(word, { isDefault: word === "status" })
      .description(summaries[word as keyof typeof WORDS])
      .allowExcessArguments(word === "status")
      .action(
        bind(async (context, [unknown]) => {
          if (unknown !== undefined) throw unknownWord(unknown);
          const clear = context.output.progress(word === "run" ? "running a cycle …" : "");
          const answer = await callTool(context, tool, {}).finally(clear);
          context.output.result(answer.output, () => describe(word as Word, answer, context));
        }),
      );
  }
}

function describe(word: Word, { output, text }: ToolAnswer, context: CliContext): string {
  if (word === "status") return loopView(output, context.output, context);
  return word === "list" ? proposalsView(output, context.output) : text;
}

/** `status` is what runs without a word, so a wrong word arrives there as an argument. */
function unknownWord(word: string): SpecloopError {
  const known = Object.keys(WORDS).join(", ");
  return new SpecloopError("bad_input", `specloop loop has no "${word}".`, { fix: `Use one of: ${known}.` });
}
