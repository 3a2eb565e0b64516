import type { Command } from "commander";
import type { Bind } from "../../bind.ts";
import { callTool } from "../../context.ts";
import { graphView } from "../../views/graph.ts";
import { withRoot } from "./root-option.ts";

export function registerGraph(change: Command, bind: Bind): void {
  withRoot(change.command("graph"))
    .description("what changes need of each other and where they overlap, as a Mermaid picture; --json as data")
    .option("--capabilities", "which changes touch each capability instead")
    .action(
      bind(async (context, _arguments, { root, capabilities }) => {
        const answer = await callTool(context, "change_graph", { root });
        context.output.result(answer.output, () => graphView(answer.output, context.output, capabilities === true));
      }),
    );
}
