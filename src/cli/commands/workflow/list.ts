import type { Command } from "commander";
import type { Bind } from "../../bind.ts";
import { workflowTable } from "../../views/workflow.ts";
import { openCatalogue } from "./catalogue.ts";

export function registerList(workflow: Command, bind: Bind): void {
  workflow
    .command("list")
    .description("workflows of this repository with version, nodes and mistakes")
    .action(
      bind(async (context) => {
        const catalogue = await openCatalogue(context);
        const { toRow } = await import("../../../workflow-engine/index.ts");
        const workflows = (await catalogue.list()).map(toRow);
        context.output.result({ workflows }, () => workflowTable(workflows, context.output));
      }),
    );
}
