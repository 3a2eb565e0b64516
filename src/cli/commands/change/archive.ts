import type { Command } from "commander";
import type { Bind } from "../../bind.ts";
import { callTool } from "../../context.ts";
import { archiveView, refusalView } from "../../views/archive.ts";
import { withRoot } from "./root-option.ts";

export function registerArchive(change: Command, bind: Bind): void {
  withRoot(change.command("archive"))
    .description("archive finished changes in this order; stops at the first doubt and changes nothing for it")
    .argument("<id...>", "ids of changes")
    .option("--allow-open-tasks", "open tasks are no reason to refuse")
    .option("--dry-run", "everything but the last step")
    .action(
      bind(async (context, ids, { root, allowOpenTasks, dryRun }) => {
        const given = ids.flat();
        const clear = context.output.progress(`Archiving ${given.join(", ")}…`);
        const input = { ids: given, root, allowOpenTasks, dryRun };
        const answer = await callTool(context, "change_archive", input)
          .finally(clear)
          .catch((error: unknown) => {
            const view = refusalView(error, context.output, context);
            if (view !== "" && !context.output.json) context.output.note(view);
            throw error;
          });
        context.output.result(answer.output, () => archiveView(answer.output, context.output, context));
      }),
    );
}
