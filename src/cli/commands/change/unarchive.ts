import type { Command } from "commander";
import type { Bind } from "../../bind.ts";
import { callTool } from "../../context.ts";
import { archiveView } from "../../views/archive.ts";
import { withRoot } from "./root-option.ts";

export function registerUnarchive(change: Command, bind: Bind): void {
  withRoot(change.command("unarchive"))
    .description("take an archived change back, with its edits of the specs, while nothing was built on them")
    .argument("<id>", "the change's id")
    .action(
      bind(async (context, [id], { root }) => {
        const answer = await callTool(context, "change_unarchive", { id, root });
        context.output.result(answer.output, () => archiveView({ results: [answer.output] }, context.output, context));
      }),
    );
}
