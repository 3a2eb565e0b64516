import type { Command } from "commander";
import { callTool } from "../context.ts";
import type { Bind } from "../bind.ts";

/** Word after `specloop loop` -> the tool it calls. */
const WORDS = { status: "loop_status", run: "loop_run", list: "proposal_list" };

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
      .action(
        bind(async (context) => {
          const answer = await callTool(context, tool, {});
          context.output.result(answer.output, () => answer.text);
        }),
      );
  }
  registerMetric(loop, bind);
}

function registerMetric(loop: Command, bind: Bind): void {
  loop
    .command("metric")
    .description("one metric's figures; --why lists the samples behind them")
    .argument("<name>", "question.time_to_answer, for example")
    .option("--why", "the rows behind the figure")
    .action(
      bind(async (context, [name], options) => {
        const answer = await callTool(context, options["why"] ? "metric_why" : "metric_get", { metric: name });
        context.output.result(answer.output, () => answer.text);
      }),
    );
}
