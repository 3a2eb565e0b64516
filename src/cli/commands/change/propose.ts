import type { Command } from "commander";
import { SpecloopError } from "../../../foundation/errors.ts";
import type { Bind } from "../../bind.ts";
import { callTool, type CliContext } from "../../context.ts";
import { givenText } from "../../given-text.ts";

export function registerPropose(change: Command, bind: Bind): void {
  change
    .command("propose")
    .description("make a complete, valid change on a branch of its own; a title is enough")
    .argument("[title]", "what the change is about; not needed with --input")
    .option("--content <markdown>", "## Why, What Changes, Impact, Tasks, Design; - reads stdin, @FILE a file")
    .option("--id <id>", "its id; made from the title otherwise")
    .option("--spec <capability=file...>", "delta specs as OpenSpec writes them")
    .option("--input <json>", "everything as JSON, as proposal_create takes it; - reads stdin, @FILE a file")
    .action(
      bind(async (context, [title], given) => {
        const input = await toInput(context, title, given);
        const answer = await callTool(context, "proposal_create", input);
        context.output.result(answer.output, () => answer.text);
      }),
    );
}

interface ProposeOptions {
  content?: string;
  id?: string;
  spec?: string[];
  input?: string;
}

async function toInput(
  context: CliContext,
  title: string | undefined,
  { content, id, spec, input }: ProposeOptions,
): Promise<Record<string, unknown>> {
  if (title === undefined && input === undefined) {
    throw new SpecloopError("bad_input", "A change needs a title, or all of it as --input.", {
      target: "title",
      fix: 'Give one: `specloop change propose "Add a login page"`.',
    });
  }
  const given = input === undefined ? {} : parsed(await givenText(context, input));
  const specs = await Promise.all((spec ?? []).map((pair) => specOf(context, pair)));
  return {
    ...given,
    ...(title !== undefined && { title }),
    ...(id !== undefined && { id }),
    ...(content !== undefined && { content: await givenText(context, content) }),
    ...(specs.length > 0 && { specs: Object.fromEntries(specs) }),
  };
}

function parsed(json: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(json);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ...value };
  } catch {
    // Falls through to the one refusal.
  }
  throw new SpecloopError("bad_input", "--input is no JSON object.", {
    target: "input",
    fix: 'Give the fields of proposal_create, for instance {"title": "Add a thing", "why": "…"}.',
  });
}

async function specOf(context: CliContext, pair: string): Promise<[string, string]> {
  const at = pair.indexOf("=");
  if (at < 1) throw new SpecloopError("bad_input", `"${pair}" is not capability=file.`, { target: "spec" });
  return [pair.slice(0, at), await givenText(context, `@${pair.slice(at + 1)}`)];
}
