import type { Command } from "commander";
import { SpecloopError, toSpecloopError } from "../../../foundation/errors.ts";
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
        const answer = await callTool(context, "change_unarchive", { id, root }).catch(toldWhereToLook);
        context.output.result(answer.output, () => archiveView({ results: [answer.output] }, context.output, context));
      }),
    );
}

/** The list that unknown ids are looked up in leaves out what is archived. */
function toldWhereToLook(error: unknown): never {
  const { code, message } = toSpecloopError(error);
  if (code !== "unknown_change") throw error;
  throw new SpecloopError(code, message, {
    fix: "Run `specloop changes --archived` for what is archived.",
    cause: error,
  });
}
