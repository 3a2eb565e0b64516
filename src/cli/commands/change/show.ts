import type { Command } from "commander";
import type { Bind } from "../../bind.ts";
import { callTool, type CliContext } from "../../context.ts";
import { changeView } from "../../views/change.ts";
import { withRoot } from "./root-option.ts";

export function registerShow(change: Command, bind: Bind): void {
  withRoot(change.command("show"))
    .description("everything about one change: artifacts, deltas, findings, questions, overlaps")
    .argument("<id>", "the change's id")
    .action(bind((context, [id], { root }) => showChange(context, { id, root })));
}

export async function showChange(context: CliContext, input: Record<string, unknown>): Promise<void> {
  const answer = await callTool(context, "change_get", input);
  context.output.result(answer.output, () => changeView(answer.output, context.output, context));
}
