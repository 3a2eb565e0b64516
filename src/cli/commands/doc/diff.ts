import type { Command } from "commander";
import type { Bind } from "../../bind.ts";
import { callTool } from "../../context.ts";
import { diffView } from "../../views/diff.ts";

export function registerDiff(doc: Command, bind: Bind): void {
  doc
    .command("diff")
    .description("what differs between two states of a document: commits, revisions, or now (the working tree)")
    .argument("<path>", "relative to the repository")
    .argument("[from]", "the earlier state", "HEAD")
    .argument("[to]", "the later state", "now")
    .action(
      bind(async (context, [path, from = "HEAD", to = "now"]) => {
        const { output } = await callTool(context, "doc_diff", { path, from, to });
        const { diff } = output;
        const same = `${path} is the same in ${from} and ${to}.`;
        context.output.result(output, () => (diff === "" ? same : diffView(String(diff), context.output)));
      }),
    );
}
