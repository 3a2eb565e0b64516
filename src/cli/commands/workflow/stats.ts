import type { Command } from "commander";
import type { Bind } from "../../bind.ts";
import { callTool } from "../../context.ts";
import { numberOption } from "../../number-option.ts";
import { statsShape, statsView } from "../../views/workflow-stats.ts";

export function registerStats(workflow: Command, bind: Bind): void {
  workflow
    .command("stats")
    .description(
      "how runs went: success, times, failures, cost by day, model and caller; of one workflow also its nodes",
    )
    .argument("[name]", "a workflow's name; all when absent")
    .option("--days <n>", "today and the days before", "30")
    .action(
      bind(async (context, [name], options) => {
        const days = numberOption("--days", String(options["days"]));
        const { output } = await callTool(context, "workflow_stats", { ...(name === undefined ? {} : { name }), days });
        const found = statsShape.parse(output);
        context.output.result(found.overview ?? found.workflow, () => statsView(found, context.output));
      }),
    );
}
