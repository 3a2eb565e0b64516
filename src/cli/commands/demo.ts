import type { Command } from "commander";
import { runDemo } from "../demo/index.ts";
import type { Bind } from "../bind.ts";

export function registerDemo(program: Command, bind: Bind): void {
  program
    .command("demo")
    .description("play the whole story in a temporary repository: changes, questions, documents, the loop")
    .argument("[path]", "take the openspec/ of this folder instead of specloop's own")
    .option("--keep", "leave the temporary repository there")
    .action(bind((context, [path], options) => runDemo(context, { path, keep: Boolean(options["keep"]) })));
}
