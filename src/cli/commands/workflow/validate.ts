import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import type { Command } from "commander";
import { ERRORS, SpecloopError } from "../../../foundation/errors.ts";
import type { WorkflowCatalogue, WorkflowVerdict } from "../../../workflow-engine/index.ts";
import type { Bind } from "../../bind.ts";
import type { CliContext } from "../../context.ts";
import { verdictsView } from "../../views/workflow.ts";
import { openCatalogue } from "./catalogue.ts";

export function registerValidate(workflow: Command, bind: Bind): void {
  workflow
    .command("validate")
    .description(
      "check definitions: every mistake with its line and what to write instead; exit code 65 when there is one",
    )
    .argument("[what...]", "names, files, or - for stdin; all of the repository when absent")
    .action(
      bind(async (context, what) => {
        const catalogue = await openCatalogue(context);
        const workflows = await verdictsOf(catalogue, context, what);
        context.output.result({ workflows }, () => verdictsView(workflows, context.output));
        return workflows.every(({ valid }) => valid) ? 0 : ERRORS.bad_workflow.exit;
      }),
    );
}

async function verdictsOf(
  catalogue: WorkflowCatalogue,
  context: CliContext,
  what: string[],
): Promise<WorkflowVerdict[]> {
  const { verdictOf } = await import("../../../workflow-engine/index.ts");
  if (what.length === 0) {
    const own = (await catalogue.list()).filter(({ origin }) => origin === "repository");
    return own.map((found) => verdictOf(found.file, found));
  }
  const verdicts: WorkflowVerdict[] = [];
  for (const one of what) {
    const written = await textOf(context, one);
    if (written !== null) verdicts.push(verdictOf(written.file, catalogue.check(written.text, written.file)));
    else {
      const found = await catalogue.find(one);
      verdicts.push(verdictOf(found.file, found));
    }
  }
  return verdicts;
}

/** Null where a name is meant. */
async function textOf(context: CliContext, what: string): Promise<{ file: string; text: string } | null> {
  if (what === "-") return { file: "stdin", text: await text(context.stdin) };
  if (!/[/\\]|\.(ya?ml|json)$/.test(what)) return null;
  try {
    return { file: what, text: await readFile(what, "utf8") };
  } catch (cause) {
    const fix = "Name a file that can be read, or a workflow of `specloop workflow list`.";
    throw new SpecloopError("bad_input", `The file ${what} cannot be read.`, { target: what, fix, cause });
  }
}
