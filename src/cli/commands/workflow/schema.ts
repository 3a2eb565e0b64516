import type { Command } from "commander";
import type { Bind } from "../../bind.ts";
import { openCatalogue } from "./catalogue.ts";

export function registerSchema(workflow: Command, bind: Bind): void {
  workflow
    .command("schema")
    .description(
      "JSON Schema of definitions, for editors: save it and name it in `# yaml-language-server: $schema=FILE`",
    )
    .action(
      bind(async (context) => {
        const schema = (await openCatalogue(context)).editorSchema();
        context.output.result(schema, () => JSON.stringify(schema, null, 2));
      }),
    );
}
