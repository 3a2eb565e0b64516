import type { Command } from "commander";
import { z } from "zod";
import type { Bind } from "../../bind.ts";
import { callTool } from "../../context.ts";
import { forPeople } from "../../wording.ts";
import { diffView } from "../../views/diff.ts";

const undone = z.object({ message: z.string(), files: z.array(z.object({ diff: z.string() })) });

export function registerUndo(doc: Command, bind: Bind): void {
  doc
    .command("undo")
    .description("take back one edit, or a commit that specloop made; what others wrote since stays")
    .argument("<edit-or-commit>", "as `specloop doc history` shows them")
    .option("--reason <why>", "goes into the commit")
    .action(
      bind(async (context, [target], options) => {
        const { reason } = options as { reason?: string };
        const { output } = await callTool(context, "doc_undo", { target, ...(reason && { reason }) });
        const { message, files } = undone.parse(output);
        const diffs = files.map(({ diff }) => diffView(diff, context.output));
        context.output.result(output, () => [forPeople(message, context), ...diffs].join("\n\n"));
      }),
    );
}
