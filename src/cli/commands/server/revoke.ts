import type { Command } from "commander";
import type { Bind } from "../../bind.ts";
import { callTool } from "../../context.ts";

export function registerRevoke(server: Command, bind: Bind): void {
  server
    .command("revoke")
    .description("take your approval back and end the server")
    .argument("<name>")
    .action(
      bind(async (context, [name]) => {
        const { output } = await callTool(context, "server_revoke", { name });
        context.output.result(output, () => `${name} is approved no more; nothing of it runs.`);
      }),
    );
}
