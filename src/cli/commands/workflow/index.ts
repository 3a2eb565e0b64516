import type { Command } from "commander";
import type { Bind } from "../../bind.ts";
import { registerApprove } from "./approve.ts";
import { registerList } from "./list.ts";
import { registerSchema } from "./schema.ts";
import { registerShow } from "./show.ts";
import { registerStats } from "./stats.ts";
import { registerValidate } from "./validate.ts";

export function registerWorkflow(program: Command, bind: Bind): void {
  const workflow = program
    .command("workflow")
    .description("definitions of workflows: check, list, show (no daemon needed), approve what they reach");
  registerValidate(workflow, bind);
  registerList(workflow, bind);
  registerShow(workflow, bind);
  registerSchema(workflow, bind);
  registerStats(workflow, bind);
  registerApprove(workflow, bind);
}
