import type { Command } from "commander";
import type { Bind } from "../../bind.ts";
import { callTool, type CliContext } from "../../context.ts";
import { withRoot } from "./root-option.ts";

export function registerCheck(change: Command, bind: Bind): void {
  withRoot(change.command("check"))
    .description("ask OpenSpec for its strict verdict now; exit code 1 when it is not valid")
    .argument("<id>", "the change's id")
    .action(bind((context, [id], { root }) => checkChange(context, { id, root })));
}

export async function checkChange(context: CliContext, input: Record<string, unknown>): Promise<number> {
  const answer = await callTool(context, "change_check", input);
  context.output.result(answer.output, () => answer.text);
  return answer.output["valid"] === true ? 0 : 1;
}
