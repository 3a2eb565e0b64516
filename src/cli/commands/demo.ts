import type { Command } from "commander";
import type { Bind } from "../bind.ts";

export function registerDemo(program: Command, bind: Bind): void {
  program
    .command("demo")
    .description("play the whole story in a temporary repository: changes, questions, documents, the loop")
    .argument("[path]", "take the openspec/ of this folder instead of specloop's own")
    .option("--keep", "leave the temporary repository there")
    .action(
      bind(async (context, [path], options) => {
        const { runDemo } = await import("../demo/index.ts");
        return runDemo(context, { path, keep: Boolean(options["keep"]) });
      }),
    );
}
