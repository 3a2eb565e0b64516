import type { Command } from "commander";
import type { Bind } from "../../bind.ts";
import { planView } from "../../views/workflow.ts";
import { openCatalogue } from "./catalogue.ts";

export function registerShow(workflow: Command, bind: Bind): void {
  workflow
    .command("show")
    .description("one workflow: what it takes, its nodes in the order of running, what it gives")
    .argument("<name>", "a workflow's name, also with @VERSION")
    .option("--graph", "the graph as Mermaid's text")
    .option("--yaml", "the text as it is written")
    .action(
      bind(async (context, [name = ""], { graph, yaml }) => {
        const catalogue = await openCatalogue(context);
        const { output } = context;
        if (yaml === true) {
          const { file, text } = await catalogue.find(name.replace(/@[^@]*$/, ""));
          return output.result({ file, text }, () => text);
        }
        const plan = await catalogue.plan(name);
        const { toMermaid } = await import("../../../workflow-engine/index.ts");
        const drawn = toMermaid(plan);
        if (graph === true) return output.result({ name: plan.name, graph: drawn }, () => drawn);
        output.result({ ...plan, graph: drawn }, () => planView(plan, output));
      }),
    );
}
