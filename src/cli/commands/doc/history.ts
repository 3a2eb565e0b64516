import type { Command } from "commander";
import type { Bind } from "../../bind.ts";
import { callTool } from "../../context.ts";
import { numberOption } from "../../number-option.ts";
import { historyView } from "../../views/history.ts";

export function registerHistory(doc: Command, bind: Bind): void {
  doc
    .command("history")
    .description("who changed a document, when and why")
    .argument("<path>", "relative to the repository")
    .option("--limit <n>", "how many commits", "20")
    .action(
      bind(async (context, [path], options) => {
        const limit = numberOption("--limit", String(options["limit"]));
        const answer = await callTool(context, "doc_history", { path, limit });
        context.output.result(answer.output, () => historyView(answer.output, context.output));
      }),
    );
}
