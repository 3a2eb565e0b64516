import type { Command } from "commander";
import { SpecloopError } from "../../../foundation/errors.ts";
import type { Bind } from "../../bind.ts";
import { callTool } from "../../context.ts";
import { blameView } from "../../views/blame.ts";

export function registerBlame(doc: Command, bind: Bind): void {
  doc
    .command("blame")
    .description("who wrote a sentence, when, why and for which change")
    .argument("<path>", "relative to the repository")
    .option("--text <text>", "a text that occurs once")
    .option("--lines <range>", "a line, or FIRST-LAST")
    .action(
      bind(async (context, [path], options) => {
        const { text, lines } = options as { text?: string; lines?: string };
        const wanted = text === undefined ? range(lines) : { text };
        const { output } = await callTool(context, "doc_blame", { path, ...wanted });
        context.output.result(output, () => blameView(output, context.output));
      }),
    );
}

function range(lines: string | undefined): { startLine: number; endLine: number } {
  const found = /^(\d{1,7})(?:-(\d{1,7}))?$/.exec(lines ?? "");
  if (!found) {
    throw new SpecloopError("bad_input", "Name what to look for: --text TEXT, or --lines 12 or 12-20.", {
      target: "lines",
    });
  }
  return { startLine: Number(found[1]), endLine: Number(found[2] ?? found[1]) };
}
