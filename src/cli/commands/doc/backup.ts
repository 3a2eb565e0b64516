import type { Command } from "commander";
import { z } from "zod";
import type { Bind } from "../../bind.ts";
import { callTool, type CliContext } from "../../context.ts";
import { forPeople } from "../../wording.ts";
import { diffView } from "../../views/diff.ts";
import { time } from "../../views/question.ts";

const backup = z.object({
  id: z.string(),
  at: z.number(),
  why: z.string(),
  by: z.string(),
  paths: z.array(z.string()),
});
const list = z.object({ backups: z.array(backup), total: z.number() });
const restored = z.object({ message: z.string(), files: z.array(z.object({ diff: z.string() })) });

export function registerBackup(doc: Command, bind: Bind): void {
  doc
    .command("backups")
    .description("copies of documents that were kept before risky edits or on request")
    .action(bind(async (context) => showList(context)));
  doc
    .command("backup")
    .description("keep documents as they are now, beside the branch")
    .argument("<paths...>", "relative to the repository")
    .option("--reason <why>", "shown in the list", "on request")
    .action(
      bind(async (context, paths, { reason }) => {
        const answer = await callTool(context, "backup_create", { paths, reason });
        context.output.result(answer.output, () => answer.text);
      }),
    );
  doc
    .command("restore")
    .description("put documents back as a backup has them; the commit can be undone")
    .argument("<backup>", "its id")
    .argument("[paths...]", "some of its documents")
    .option("--reason <why>", "goes into the commit")
    .action(
      bind(async (context, [id, ...paths], { reason }) => {
        const some = paths.length > 0 ? { paths } : {};
        const { output } = await callTool(context, "backup_restore", { id, ...some, ...(reason ? { reason } : {}) });
        const { message, files } = restored.parse(output);
        const diffs = files.map(({ diff }) => diffView(diff, context.output));
        context.output.result(output, () => [forPeople(message, context), ...diffs].join("\n\n"));
      }),
    );
}

async function showList(context: CliContext): Promise<void> {
  const { output } = await callTool(context, "backup_list", { limit: 200 });
  const { backups } = list.parse(output);
  const rows = backups.map(({ id, at, by, why, paths }) => [id, time(at), by, paths.join(", "), why]);
  const table = () => context.output.table(["BACKUP", "WHEN", "BY", "DOCUMENTS", "WHY"], rows);
  context.output.result(output, () => (rows.length > 0 ? table() : "There is no backup."));
}
