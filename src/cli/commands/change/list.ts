import type { Command } from "commander";
import { z } from "zod";
import { SpecloopError } from "../../../foundation/errors.ts";
import type { Bind } from "../../bind.ts";
import { callTool, type CliContext } from "../../context.ts";
import { numberOption } from "../../number-option.ts";
import { changeTable } from "../../tables.ts";

/** What the tool gives at once. */
const PAGE = 100;

/** As commander hands them over. */
export interface ListOptions {
  stage?: string;
  archived?: boolean;
  limit: string;
}

export function registerList(change: Command, bind: Bind): void {
  withListOptions(change.command("list", { isDefault: true }))
    .description("list the changes with stage and findings")
    .allowExcessArguments()
    .action(
      bind((context, [unknown], options) => {
        if (unknown !== undefined) throw unknownWord(unknown, change);
        return listChanges(context, options as unknown as ListOptions);
      }),
    );
}

export function withListOptions(command: Command): Command {
  return command
    .option("--stage <stage>", "only changes in this stage")
    .option("--archived", "archived ones as well")
    .option("--limit <n>", "how many", "50");
}

export async function listChanges(context: CliContext, { stage, archived, limit }: ListOptions): Promise<void> {
  const wanted = numberOption("--limit", limit);
  const filter = { ...(stage && { stage }), ...(archived && { archived: true }) };
  const page = async (left: number, cursor?: string) =>
    (await callTool(context, "change_list", { ...filter, limit: Math.min(left, PAGE), cursor })).output;
  const first = await page(wanted);
  const changes = z.array(z.unknown()).parse(first["changes"]);
  let { cursor } = first;
  while (typeof cursor === "string" && changes.length < wanted) {
    const more = await page(wanted - changes.length, cursor);
    changes.push(...z.array(z.unknown()).parse(more["changes"]));
    ({ cursor } = more);
  }
  const listed = { ...first, changes, cursor };
  context.output.result(listed, () => changeTable(listed, context.output));
}

/** `list` is what runs without a word, so a wrong word arrives there as an argument. */
function unknownWord(word: string, change: Command): SpecloopError {
  const known = change.commands.map((command) => command.name()).join(", ");
  return new SpecloopError("bad_input", `specloop change has no "${word}".`, {
    fix: `Use one of: ${known}. One change is shown by \`specloop change show ID\`.`,
  });
}
