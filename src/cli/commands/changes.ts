import type { Command } from "commander";
import type { Bind } from "../bind.ts";
import { checkChange } from "./change/check.ts";
import { listChanges, withListOptions, type ListOptions } from "./change/list.ts";
import { showChange } from "./change/show.ts";

/** The short way to `specloop change list`, `show` and `check`. */
export function registerChanges(program: Command, bind: Bind): void {
  withListOptions(program.command("changes"))
    .description("list the changes with stage and findings; with an id, everything about one")
    .argument("[id]", "a change's id")
    .option("--check", "with an id: a fresh official verdict")
    .action(
      bind((context, [id], options) => {
        if (!id) return listChanges(context, options as unknown as ListOptions);
        return options["check"] ? checkChange(context, { id }) : showChange(context, { id });
      }),
    );
}
