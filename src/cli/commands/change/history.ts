import type { Command } from "commander";
import { SpecloopError } from "../../../foundation/errors.ts";
import type { Bind } from "../../bind.ts";
import { callTool } from "../../context.ts";
import { requirementView } from "../../views/requirement.ts";
import { withRoot } from "./root-option.ts";

export function registerHistory(change: Command, bind: Bind): void {
  withRoot(change.command("history"))
    .description("which changes and commits made a requirement what it is")
    .requiredOption("--requirement <name>", "<capability>/<name of the requirement>")
    .action(
      bind(async (context, _arguments, { requirement, root }) => {
        if (typeof requirement !== "string" || !requirement.includes("/")) {
          throw new SpecloopError("bad_input", "--requirement needs the capability as well.", {
            fix: 'Write it as --requirement "<capability>/<name of the requirement>".',
          });
        }
        const answer = await callTool(context, "requirement_history", { requirement, root });
        context.output.result(answer.output, () => requirementView(answer.output, context.output));
      }),
    );
}
