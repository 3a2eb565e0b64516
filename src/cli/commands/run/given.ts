import { SpecloopError } from "../../../foundation/errors.ts";
import { parseJson } from "../../../foundation/json.ts";
import type { CliContext } from "../../context.ts";
import { givenText } from "../../given-text.ts";
import { numberOption } from "../../number-option.ts";

/** An option that may be said several times. */
export function each(value: string, before: string[]): string[] {
  return [...before, value];
}

/** `KEY=VALUE` pairs, of which a value that is JSON is taken as that, and `@FILE` or `-` with a JSON object. */
export async function givenInput(context: CliContext, given: string[]): Promise<Record<string, unknown>> {
  const input: Record<string, unknown> = {};
  for (const one of given) {
    const [, key, value = ""] = /^([^=@-][^=]*)=(.*)$/s.exec(one) ?? [];
    if (key !== undefined) input[key] = asValue(await givenText(context, value));
    else Object.assign(input, asObject(one, await givenText(context, one)));
  }
  return input;
}

function asValue(text: string): unknown {
  const value = parseJson(text);
  return value === undefined ? text : value;
}

function asObject(given: string, text: string): object {
  const value = parseJson(text);
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  throw new SpecloopError("bad_input", `--input ${given} is neither KEY=VALUE nor a JSON object.`, {
    fix: "Write --input name=value, or --input @FILE with a JSON object.",
  });
}

/** `--budget 0.50` are dollars, `--tokens` tokens. */
export function givenBudget(options: Record<string, unknown>): { budget?: Record<string, number> } {
  const limits = {
    ...(typeof options["budget"] === "string" ? { usd: numberOption("--budget", options["budget"]) } : {}),
    ...(typeof options["tokens"] === "string" ? { tokens: numberOption("--tokens", options["tokens"]) } : {}),
  };
  return Object.keys(limits).length === 0 ? {} : { budget: limits };
}
