import type { Command } from "commander";
import type { Bind } from "../../bind.ts";
import { callTool } from "../../context.ts";
import { numberOption } from "../../number-option.ts";
import { historyView } from "../../views/history.ts";

export function registerHistory(doc: Command, bind: Bind): void {
  doc
    .command("history")
    .description("who changed a document, or one section of it, when and why")
    .argument("<path>", "relative to the repository")
    .option("--section <heading>", "only commits that touched this section; A > B for a nested one")
    .option("--limit <n>", "how many commits", "20")
    .action(
      bind(async (context, [path], options) => {
        const limit = numberOption("--limit", String(options["limit"]));
        const { section } = options as { section?: string };
        const answer = await callTool(context, "doc_history", { path, limit, ...(section && { section }) });
        context.output.result(answer.output, () => historyView(answer.output, context.output));
      }),
    );
}
