import type { Command } from "commander";
import { callTool } from "../context.ts";
import { numberOption } from "../number-option.ts";
import { changeTable } from "../tables.ts";
import { changeView } from "../views/change.ts";
import type { Bind } from "../bind.ts";

export function registerChanges(program: Command, bind: Bind): void {
  program
    .command("changes")
    .description("list the changes with stage and findings; with an id, everything about one")
    .argument("[id]", "a change's id")
    .option("--stage <stage>", "only changes in this stage")
    .option("--archived", "archived ones as well")
    .option("--limit <n>", "how many", "50")
    .option("--check", "with an id: a fresh official verdict")
    .action(
      bind(async (context, [id], options) => {
        const { stage, archived, limit, check } = options as unknown as Options;
        const answer = id
          ? await callTool(context, check ? "change_check" : "change_get", { id })
          : await callTool(context, "change_list", {
              ...(stage && { stage }),
              ...(archived && { archived: true }),
              limit: numberOption("--limit", limit),
            });
        context.output.result(answer.output, () => {
          if (!id) return changeTable(answer.output, context.output);
          return check ? answer.text : changeView(answer.output, context.output, context);
        });
      }),
    );
}

interface Options {
  stage?: string;
  archived?: boolean;
  limit: string;
  check?: boolean;
}
