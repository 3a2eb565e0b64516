import type { Environment } from "@marcbachmann/cel-js";
import type { JsonSchema } from "./port.ts";

const MAX_DEPTH = 12;
const SCALARS: Record<string, string> = { string: "string", number: "double", integer: "double", boolean: "bool" };
/** Objects of a schema get types with names of their own; messages call them all an object. */
const PREFIX = "object_";
const SCALAR_TYPES = ["string", "double", "int", "bool"];

/** Makes types of the language out of JSON Schemas. What a schema leaves open is `dyn`: taken as it comes. */
export class SchemaTypes {
  readonly #environment: Environment;
  #count = 0;
  readonly #nullable = new Set<string>();
  /** Of objects, by their schema: many nodes have the same. */
  readonly #objects = new Map<string, string>();

  constructor(environment: Environment) {
    this.#environment = environment;
    for (const type of SCALAR_TYPES) this.#allowNull(type);
    for (const [item, list] of [
      ["double", "list<int>"],
      ["int", "list<double>"],
    ]) {
      environment.registerOperator(`${item} in ${list}`, () => false);
    }
  }

  typeOf(schema: unknown, depth = 0): string {
    if (!isSchema(schema) || depth > MAX_DEPTH) return "dyn";
    const type = kindOf(schema);
    if (type === "array") return this.#allowNull(`list<${this.typeOf(schema["items"], depth + 1)}>`);
    if (type === "object") return this.#object(schema, depth);
    return SCALARS[type] ?? "dyn";
  }

  #object(schema: JsonSchema, depth: number): string {
    const fields = closedFields(schema);
    if (!fields) return "dyn";
    const text = JSON.stringify(fields);
    const same = this.#objects.get(text);
    if (same !== undefined) return same;
    this.#count += 1;
    const name = `${PREFIX}${this.#count}`;
    this.#objects.set(text, name);
    const types = Object.entries(fields).map(([key, field]) => [key, this.typeOf(field, depth + 1)]);
    this.#environment.registerType(name, { fields: Object.fromEntries(types) as Record<string, string> });
    return this.#allowNull(name);
  }

  /** A skipped node and a field that is not there are null, so whatever has a type may be compared with it. */
  #allowNull(type: string): string {
    if (/^[\w.<>]+$/.test(type) && !this.#nullable.has(type)) {
      this.#nullable.add(type);
      this.#environment.registerOperator(`${type} == null`, () => false);
    }
    return type;
  }
}

/** The fields of an object that may have no others; null where it may. */
export function closedFields(schema: unknown): Record<string, unknown> | null {
  if (!isSchema(schema) || !["object", ""].includes(kindOf(schema))) return null;
  const { properties, additionalProperties } = schema;
  if (!isSchema(properties) || (additionalProperties !== undefined && additionalProperties !== false)) return null;
  return properties;
}

export function isSchema(value: unknown): value is JsonSchema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** `["string", "null"]` is a string: whatever has a type may be null. Empty where the schema leaves it open. */
function kindOf(schema: JsonSchema): string {
  const { type } = schema;
  if (typeof type === "string") return type;
  if (!Array.isArray(type)) return kindOfValues(schema);
  const kinds: unknown[] = type.filter((kind) => kind !== "null");
  return kinds.length === 1 ? String(kinds[0]) : "open";
}

function kindOfValues(schema: JsonSchema): string {
  const values: unknown[] = Array.isArray(schema["enum"]) ? schema["enum"] : "const" in schema ? [schema["const"]] : [];
  const kinds = new Set(values.map((value) => typeof value));
  return kinds.size === 1 ? String([...kinds][0]) : "";
}

/** A message of the library in words of JSON. */
export function inPlainWords(message: string): string {
  return message
    .replaceAll(/object_\d+/g, "object")
    .replaceAll(/\bdyn<(\w+)>/g, "$1")
    .replaceAll(/\b(?:int|double|uint)\b/g, "number");
}
