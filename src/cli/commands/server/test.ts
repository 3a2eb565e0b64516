import type { Command } from "commander";
import type { Bind } from "../../bind.ts";
import { callTool } from "../../context.ts";
import { testedView } from "../../views/server.ts";

export function registerTest(server: Command, bind: Bind): void {
  server
    .command("test")
    .description("start an approved server, read its tools and say how it went")
    .argument("<name>")
    .action(
      bind(async (context, [name]) => {
        const started = performance.now();
        const { output } = await callTool(context, "server_show", { name, look: true });
        const ms = Math.round(performance.now() - started);
        context.output.result({ ...output, ms }, () => testedView({ ...output, ms }, context.output));
      }),
    );
}
