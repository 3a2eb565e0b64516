import type { Command } from "commander";

/** For help only: `main.ts` hands `specloop mcp` to the shim before the other commands are loaded. */
export function registerMcp(program: Command): void {
  program
    .command("mcp")
    .description("speak MCP on stdio: what a client's configuration starts; starts the daemon if none runs")
    .option("--toolset <name>", "default, or full for every tool", "default");
}
