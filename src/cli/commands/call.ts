import type { Command } from "commander";
import { text } from "node:stream/consumers";
import { SpecloopError } from "../../foundation/errors.ts";
import { connect, type CliContext } from "../context.ts";
import type { Bind } from "../bind.ts";

export function registerCall(program: Command, bind: Bind): void {
  program
    .command("call")
    .description('call any tool with JSON: specloop call doc_read \'{"path":"README.md"}\'')
    .argument("[name]", "the tool's name")
    .argument("[input]", "its input as JSON, {} when left out; - reads it from stdin")
    .option("--list", "list the tools and what they take")
    .action(
      bind((context, [name, input], options) =>
        options["list"] || !name ? list(context) : call(context, name, input ?? "{}"),
      ),
    );
}

async function list(context: CliContext): Promise<void> {
  await using client = await connect(context);
  const tools = await client.tools();
  context.output.result({ tools }, () =>
    context.output.table(
      ["TOOL", "SET", "CHANGES", "INPUT"],
      tools.map((tool) => [
        tool.name,
        tool.toolset,
        tool.annotations.readOnlyHint ? "no" : "yes",
        inputKeys(tool.inputSchema),
      ]),
    ),
  );
}

/** `path, limit?`: the keys of an object schema, optional ones marked. */
function inputKeys(schema: unknown): string {
  const { properties = {}, required = [] } = schema as { properties?: Record<string, unknown>; required?: string[] };
  return Object.keys(properties)
    .map((key) => (required.includes(key) ? key : `${key}?`))
    .join(", ");
}

async function call(context: CliContext, name: string, given: string): Promise<void> {
  const input = parse(given === "-" ? await text(context.stdin) : given);
  await using client = await connect(context);
  const answer = await client.call(name, input);
  context.output.result(answer.output, () => answer.text);
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw new SpecloopError("bad_input", `The input is not JSON: ${(cause as Error).message}`, { cause });
  }
}
