import type { Command } from "commander";
import type { Bind } from "../../bind.ts";

export function registerImport(server: Command, bind: Bind): void {
  server
    .command("import")
    .description("show the servers of your MCP clients; named ones are written into specloop.yaml")
    .argument("[names...]", "servers to take over")
    .option("--from <file>", "a client's configuration; all that are known by default")
    .action(
      bind(async (context, names, options) => {
        const { importServers } = await import("./import-servers.ts");
        return importServers(context, names, options);
      }),
    );
}
