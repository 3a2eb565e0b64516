import { createInterface } from "node:readline/promises";
import type { Command } from "commander";
import { SpecloopError } from "../../../foundation/errors.ts";
import type { Bind } from "../../bind.ts";
import { connect, type CliContext } from "../../context.ts";
import { isTerminal } from "../../terminal.ts";
import { type ShownTrust, trustShape, trustView } from "../../views/workflow-trust.ts";

export function registerApprove(workflow: Command, bind: Bind): void {
  workflow
    .command("approve")
    .description("look at what a workflow starts and contacts, and say yes to exactly this content")
    .argument("<name>")
    .option("--hash <hash>", "without a terminal: yes to the content with this hash")
    .action(bind((context, [name = ""], { hash }) => approve(context, name, hash)));
  workflow
    .command("revoke")
    .description("take back every yes to workflows of a name")
    .argument("<name>")
    .action(
      bind(async (context, [name = ""]) => {
        await using client = await connect(context);
        const { output, text } = await client.call("workflow_revoke", { name });
        context.output.result(output, () => text);
      }),
    );
}

async function approve(context: CliContext, name: string, given: unknown): Promise<void> {
  await using client = await connect(context);
  const shown = trustShape.parse((await client.call("workflow_reach", { name })).output);
  if (shown.standing === "changed" || shown.standing === "unapproved") {
    if (typeof given !== "string") await confirm(context, shown);
    const hash = typeof given === "string" ? given : shown.hash;
    const done = trustShape.parse((await client.call("workflow_approve", { name, hash })).output);
    return context.output.result(done, () => `\n${done.name} is approved: ${done.hash.slice(0, 12)}`);
  }
  context.output.result(shown, () => trustView(shown, context.output));
}

async function confirm({ stdin, signal, output }: CliContext, shown: ShownTrust): Promise<void> {
  output.note(trustView(shown, output));
  if (!isTerminal(stdin)) {
    throw new SpecloopError("bad_input", "Approving is answered on a terminal, and there is none.", {
      fix: `Run it in a terminal, or name what you looked at: --hash ${shown.hash}`,
    });
  }
  const reader = createInterface({ input: stdin, output: process.stderr });
  try {
    const answer = await reader.question("\nLet it start and contact exactly this? Type yes: ", { signal });
    if (answer.trim().toLowerCase() !== "yes") throw new SpecloopError("cancelled", "Nothing was approved.");
  } finally {
    reader.close();
  }
}
