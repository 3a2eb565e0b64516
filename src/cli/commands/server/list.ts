import type { Command } from "commander";
import type { Bind } from "../../bind.ts";
import { callTool } from "../../context.ts";
import { serverTable } from "../../views/server.ts";

export function registerList(server: Command, bind: Bind): void {
  server
    .command("list", { isDefault: true })
    .description("every server of specloop.yaml with its state")
    .action(
      bind(async (context) => {
        const { output } = await callTool(context, "server_list", {});
        context.output.result(output, () => serverTable(output, context.output));
      }),
    );
}
