import type { Command } from "commander";
import type { Bind } from "../../bind.ts";
import { callTool } from "../../context.ts";
import { nodeShape, nodeView, runShape, runView } from "../../views/run.ts";

export function registerShow(run: Command, bind: Bind): void {
  run
    .command("show")
    .description("a run with its nodes, or one node with each attempt: input, output, cost, log")
    .argument("<id>", "a run's id")
    .argument("[node]", "a node's key")
    .action(
      bind(async (context, [id = "", node]) => {
        if (node !== undefined) {
          const { output } = await callTool(context, "run_node", { run: id, node });
          return context.output.result(output, () => nodeView(nodeShape.parse(output), context.output));
        }
        const { output } = await callTool(context, "run_get", { run: id });
        context.output.result(output, () => runView(runShape.parse(output), context.output, context));
      }),
    );
}
