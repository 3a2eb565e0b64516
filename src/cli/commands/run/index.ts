import type { Command } from "commander";
import type { Bind } from "../../bind.ts";
import { registerRunActions } from "./actions.ts";
import { registerRuns } from "./list.ts";
import { registerShow } from "./show.ts";
import { registerStart } from "./start.ts";

/** `specloop run …` and `specloop runs`. */
export function registerRun(program: Command, bind: Bind): void {
  const run = program.command("run").description("run workflows: begin, watch, answer, cancel, resume, fork, undo");
  registerStart(run, bind);
  registerShow(run, bind);
  registerRunActions(run, bind);
  registerRuns(program, bind);
}
