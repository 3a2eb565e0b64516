import type { Command } from "commander";
import type { Bind } from "../../bind.ts";
import { callTool } from "../../context.ts";
import { numberOption } from "../../number-option.ts";
import { runsView } from "../../views/run.ts";

export function registerRuns(program: Command, bind: Bind): void {
  program
    .command("runs")
    .description("runs of workflows, newest first")
    .option("--state <state>", "running, waiting, paused, succeeded, failed, cancelled or undone")
    .option("--workflow <name>", "only of this one")
    .option("--limit <n>", "how many", "20")
    .action(
      bind(async (context, _args, options) => {
        const { state, workflow } = options;
        const limit = numberOption("--limit", String(options["limit"]));
        const { output } = await callTool(context, "run_list", { state, workflow, limit });
        context.output.result(output, () => runsView(output, context.output));
      }),
    );
}
