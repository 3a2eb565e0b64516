import { z } from "zod";
import type { JsonSchema } from "../../adapters/expression/index.ts";
import { SpecloopError } from "../../foundation/errors.ts";
import type { Plan } from "../plan.ts";
import { type Problems, quoted, suggestion } from "./problem.ts";

const TYPES: Record<string, JsonSchema> = {
  string: { type: "string" },
  number: { type: "number" },
  integer: { type: "integer" },
  boolean: { type: "boolean" },
  object: { type: "object" },
  list: { type: "array" },
  any: {},
};

/** Keywords of JSON Schema that inputs may use. `pattern` is not among them: its matching can take for ever. */
const KEYWORDS = new Set(
  (
    "type description title default enum const items properties required optional additionalProperties minimum maximum " +
    "exclusiveMinimum exclusiveMaximum multipleOf minLength maxLength minItems maxItems uniqueItems anyOf examples"
  ).split(" "),
);

/** The JSON Schema of a run's input: `string`, `list<string>`, `string?`, or JSON Schema itself. */
export function inputSchema(inputs: Record<string, unknown>, problems: Problems): JsonSchema {
  const properties: [string, JsonSchema][] = [];
  const required: string[] = [];
  for (const [name, written] of Object.entries(inputs)) {
    const { optional, ...schema } = normalise(written, ["inputs", name], problems);
    properties.push([name, schema]);
    if (optional !== true && !("default" in schema)) required.push(name);
  }
  return { type: "object", properties: Object.fromEntries(properties), required, additionalProperties: false };
}

/**
 * An input with its defaults; what is optional and not given is null, and null is taken as not given. Throws `bad_input`
 * naming every field that does not fit.
 */
export function readInput(plan: Plan, input: unknown): Record<string, unknown> {
  const { properties, required } = plan.input as { properties?: object; required?: string[] };
  const names = Object.keys(properties ?? {});
  const given = isMap(input) ? withoutNulls(input, required ?? []) : (input ?? {});
  const result = z.fromJSONSchema(plan.input).safeParse(given);
  if (result.success && isMap(result.data)) {
    return { ...Object.fromEntries(names.map((name) => [name, null])), ...result.data };
  }
  const issues = result.error?.issues ?? [];
  const faults = issues.map(({ path, message }) => `${path.map(String).join(".") || "input"}: ${message}`);
  throw new SpecloopError("bad_input", `The input does not fit "${plan.name}": ${faults.slice(0, 20).join("; ")}.`, {
    target: plan.name,
    fix: `Its inputs are: ${names.join(", ") || "none"}.`,
    details: { problems: faults },
  });
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function withoutNulls(input: Record<string, unknown>, required: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(input).filter(([name, value]) => value !== null || required.includes(name)));
}

function normalise(written: unknown, path: PropertyKey[], problems: Problems): JsonSchema {
  if (typeof written === "string") {
    const optional = written.endsWith("?");
    const schema = shorthand(optional ? written.slice(0, -1) : written, path, problems);
    return optional ? { ...schema, optional: true } : schema;
  }
  if (typeof written !== "object" || written === null || Array.isArray(written)) {
    const fix = "Write string, list<string>, or a map with a type.";
    problems.add({ path }, { code: "schema/input-type", message: "This is not the type of an input.", fix });
    return {};
  }
  return longForm(written as JsonSchema, path, problems);
}

function longForm(written: JsonSchema, path: PropertyKey[], problems: Problems): JsonSchema {
  for (const keyword of Object.keys(written).filter((key) => !KEYWORDS.has(key))) {
    const message = `The type of an input has no ${quoted(keyword)}.`;
    const fix = suggestion(keyword, [...KEYWORDS]);
    problems.add({ path: [...path, keyword], key: true }, { code: "schema/input-type", message, fix });
    return {};
  }
  const { type, ...rest } = written;
  const schema =
    typeof type === "string" ? { ...shorthand(type, [...path, "type"], problems), ...rest } : { ...written };
  const inner = nested(schema, path, problems);
  return usable(inner, path, problems) ? inner : {};
}

function nested(schema: JsonSchema, path: PropertyKey[], problems: Problems): JsonSchema {
  const { items, properties } = schema;
  const result = { ...schema };
  if (items !== undefined && typeof items === "object")
    result["items"] = normalise(items, [...path, "items"], problems);
  if (typeof properties === "object" && properties !== null) {
    const fields = Object.entries(properties).map(([name, field]) => [
      name,
      normalise(field, [...path, "properties", name], problems),
    ]);
    result["properties"] = Object.fromEntries(fields);
  }
  return result;
}

/** Whether the schema can be used at all, and the default fits it. */
function usable(schema: JsonSchema, path: PropertyKey[], problems: Problems): boolean {
  const { optional: _, ...plain } = schema;
  const fix = "Write it as JSON Schema says.";
  try {
    const reader = z.fromJSONSchema(plain);
    if (!("default" in plain) || reader.safeParse(plain["default"]).success) return true;
    const message = "The default does not fit the type.";
    problems.add(
      { path: [...path, "default"] },
      { code: "schema/input-type", message, fix: "Correct one of the two." },
    );
  } catch (error) {
    const message = `The type cannot be used: ${(error as Error).message}.`;
    problems.add({ path }, { code: "schema/input-type", message, fix });
  }
  return false;
}

function shorthand(text: string, path: PropertyKey[], problems: Problems): JsonSchema {
  const [, outer, inner] = /^(list|map)<(.{1,100})>$/.exec(text) ?? [];
  if (outer === "list") return { type: "array", items: shorthand(inner!, path, problems) };
  if (outer === "map") return { type: "object", additionalProperties: shorthand(inner!, path, problems) };
  if (text === "array") return { type: "array" };
  const schema = Object.hasOwn(TYPES, text) ? TYPES[text] : undefined;
  if (schema) return { ...schema };
  const fix = `${suggestion(text, Object.keys(TYPES))} Lists are written list<string>.`;
  problems.add({ path }, { code: "schema/input-type", message: `There is no type ${quoted(text)}.`, fix });
  return {};
}
