import type { Command } from "commander";
import type { Bind } from "../../bind.ts";
import { callTool } from "../../context.ts";
import { serverView } from "../../views/server.ts";

export function registerShow(server: Command, bind: Bind): void {
  server
    .command("show")
    .description("what a server runs, its tools, and what changed since you approved it")
    .argument("<name>")
    .option("--look", "start it (if its launch is approved) and read its tools anew")
    .action(
      bind(async (context, [name], options) => {
        const { output } = await callTool(context, "server_show", { name, look: options["look"] === true });
        context.output.result(output, () => serverView(output, context.output));
      }),
    );
}
