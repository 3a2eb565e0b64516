import type { Command } from "commander";
import type { Bind } from "../../bind.ts";
import { registerApprove } from "./approve.ts";
import { registerImport } from "./import.ts";
import { registerList } from "./list.ts";
import { registerRevoke } from "./revoke.ts";
import { registerShow } from "./show.ts";
import { registerTest } from "./test.ts";

/** The words after `specloop server`, in the order in which help lists them; a file each. */
const WORDS: ((server: Command, bind: Bind) => void)[] = [
  registerList,
  registerShow,
  registerApprove,
  registerRevoke,
  registerImport,
  registerTest,
];

export function registerServer(program: Command, bind: Bind): void {
  const server = program
    .command("server")
    .description("downstream MCP servers: nothing of them runs before you approved it");
  for (const register of WORDS) register(server, bind);
}
