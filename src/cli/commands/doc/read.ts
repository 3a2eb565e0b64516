import type { Command } from "commander";
import type { Bind } from "../../bind.ts";
import { callTool } from "../../context.ts";

export function registerRead(doc: Command, bind: Bind): void {
  doc
    .command("read")
    .description("a document's sections, tasks and front matter")
    .argument("<path>", "relative to the repository")
    .option("--section <heading>", "only this section")
    .action(
      bind(async (context, [path], options) => {
        const { section } = options as { section?: string };
        const answer = await callTool(context, "doc_read", { path, ...(section && { section }) });
        context.output.result(answer.output, () => answer.text);
      }),
    );
}
