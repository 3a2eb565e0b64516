import { AjvJsonSchemaValidator } from "@modelcontextprotocol/client/validators/ajv";

type Schema = Record<string, unknown>;

/** Keywords whose check may take longer than the data is long: a pattern can take for ever, references can multiply. */
const COSTLY = new Set([
  "pattern",
  "patternProperties",
  "format",
  "uniqueItems",
  "$defs",
  "definitions",
  "$id",
  "$anchor",
  "$dynamicAnchor",
  "$schema",
]);
/** Keywords under which a looser schema makes the whole a stricter one. */
const TURNING = new Set(["not", "if", "then", "else", "maxContains", "unevaluatedProperties", "unevaluatedItems"]);
const MAX_DEPTH = 20;
const MAX_SCHEMA_CHARACTERS = 64 * 1024;

/**
 * A schema of a server that is not trusted, without what makes checking costly: everything that fits the whole one fits
 * this one. What is left is a tree, so a check takes at most its size times that of the data. Null for one that is too
 * large to be of use.
 */
export function cheapSchema(schema: Schema): Schema | null {
  if (JSON.stringify(schema).length > MAX_SCHEMA_CHARACTERS) return null;
  const cheap = reduced(schema, 0);
  return cheap === true ? {} : (cheap as Schema);
}

type Check = (input: unknown) => string | null;
const checks = new WeakMap<Schema, Check>();

/** What is wrong with an input, in the validator's words; null when it fits or when the schema is of no use. */
export function inputProblem(schema: Schema, input: unknown): string | null {
  const check = checks.get(schema) ?? compiled(schema);
  checks.set(schema, check);
  return check(input);
}

function compiled(schema: Schema): Check {
  const cheap = cheapSchema(schema);
  if (!cheap) return () => null;
  try {
    const validate = new AjvJsonSchemaValidator().getValidator(cheap);
    return (input) => {
      const verdict = validate(input);
      return verdict.valid ? null : (verdict.errorMessage ?? "it does not fit the schema");
    };
  } catch {
    return () => null;
  }
}

function reduced(node: unknown, depth: number): unknown {
  if (Array.isArray(node)) return node.map((item: unknown) => reduced(item, depth + 1));
  if (typeof node !== "object" || node === null) return node;
  if (depth > MAX_DEPTH || "$ref" in node || "$dynamicRef" in node || "$recursiveRef" in node) return true;
  // Without the patterns everything else would count as additional.
  const open = "patternProperties" in node;
  const entries = Object.entries(node)
    .filter(([key]) => !COSTLY.has(key) && !TURNING.has(key) && !(open && key === "additionalProperties"))
    .map(([key, value]: [string, unknown]) => [
      // Of loosened choices more than one may fit.
      key === "oneOf" ? "anyOf" : key,
      isMap(key, value) ? eachOf(value, depth) : kept(key, value, depth),
    ]);
  return Object.fromEntries(entries);
}

/** Names of properties are no keywords. */
function isMap(key: string, value: unknown): value is Schema {
  const maps = key === "properties" || key === "dependentSchemas";
  return maps && typeof value === "object" && value !== null && !Array.isArray(value);
}

function eachOf(map: Schema, depth: number): Schema {
  return Object.fromEntries(Object.entries(map).map(([name, value]) => [name, reduced(value, depth + 1)]));
}

/** Values that are data stay as they are. */
function kept(key: string, value: unknown, depth: number): unknown {
  if (["const", "enum", "default", "examples", "required"].includes(key)) return value;
  return reduced(value, depth + 1);
}
