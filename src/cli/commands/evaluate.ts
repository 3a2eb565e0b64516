import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import type { Command } from "commander";
import { SpecloopError } from "../../foundation/errors.ts";
import type { Bind } from "../bind.ts";
import { callTool, type CliContext } from "../context.ts";
import { numberOption } from "../number-option.ts";
import { evaluationView } from "../views/evaluation.ts";

/** `specloop questions evaluate FILE`. */
export function registerEvaluate(questions: Command, bind: Bind): void {
  questions
    .command("evaluate")
    .description("measure on labelled questions how well the documents answer; nothing is recorded")
    .argument("<file>", "CSV with the columns question,kind,expected,answer, or JSONL; - reads stdin")
    .option("--misses <n>", "how many questions to list that were not answered right", "10")
    .action(
      bind(async (context, [file], options) => {
        const misses = numberOption("--misses", String(options["misses"]));
        const { parseLabelled } = await import("../../question-router/index.ts");
        const labelled = parseLabelled(await contentOf(context, file!));
        const { output } = await callTool(context, "question_evaluate", { questions: labelled });
        context.output.result(output, () => evaluationView(output, context.output, { misses }));
      }),
    );
}

async function contentOf(context: CliContext, file: string): Promise<string> {
  if (file === "-") return text(context.stdin);
  return readFile(file, "utf8").catch((cause: unknown) => {
    const fix = "Name a CSV or JSONL file that can be read; docs/retrieval.md shows one.";
    throw new SpecloopError("bad_input", `The file ${file} cannot be read.`, { fix, cause });
  });
}
