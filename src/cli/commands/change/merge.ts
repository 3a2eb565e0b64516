import type { Command } from "commander";
import type { Bind } from "../../bind.ts";
import { callTool } from "../../context.ts";
import { conflictsIn, mergeView } from "../../views/merge.ts";
import { withRoot } from "./root-option.ts";

export function registerMerge(change: Command, bind: Bind): void {
  withRoot(change.command("merge"))
    .description("bring a change's deltas up to what the specs say now; conflicts are shown and exit with 1")
    .argument("<id>", "the change's id")
    .option("--dry-run", "show what would be written")
    .option("--partial", "write what merges, leave what conflicts")
    .option("--resolved <name>", "the delta of this requirement stands beside the spec; may be repeated", collect, [])
    .action(
      bind(async (context, [id], { root, dryRun, partial, resolved }) => {
        const input = { id, root, dryRun, partial, resolved };
        const { output: merged } = await callTool(context, "change_merge", input);
        context.output.result(merged, () => mergeView(merged, context.output, context));
        return conflictsIn(merged) > 0 ? 1 : 0;
      }),
    );
}

function collect(name: string, before: string[]): string[] {
  return [...before, name];
}
