import { z } from "zod";
import { record } from "./inventory.ts";

/** Keywords that servers turn into a grammar without trouble; everything else is checked by us alone. */
const KEPT = new Set(["type", "enum", "const", "required", "description", "$ref"]);
/** Keywords whose value is a schema, a list of schemas, or schemas by name. */
const ONE = new Set(["items", "not"]);
const MANY = new Set(["anyOf", "oneOf", "allOf"]);
const NAMED = new Set(["properties", "definitions", "$defs"]);
/** Array bounds above this blow a grammar up (llama.cpp refuses some, and answers unconstrained for others). */
const MAX_ITEMS = 32;

/**
 * The JSON Schema (draft 7) that a model server gets for a zod schema: structure, types, enums and small array bounds.
 * Number ranges, lengths, patterns and formats are left out, because grammars made from them are large, slow or refused;
 * zod checks the whole afterwards. The order of properties is the order in which the model writes them.
 */
export function wireSchema(schema: z.ZodType): Record<string, unknown> {
  return simplify(z.toJSONSchema(schema, { target: "draft-7", io: "input", unrepresentable: "any" }));
}

function simplify(schema: Record<string, unknown>): Record<string, unknown> {
  const entries = Object.entries(schema).flatMap(([key, value]): [string, unknown][] => {
    if (KEPT.has(key)) return [[key, value]];
    if (ONE.has(key)) return [[key, Array.isArray(value) ? value.map(simplifyAny) : simplifyAny(value)]];
    if (MANY.has(key) && Array.isArray(value)) return [[key === "oneOf" ? "anyOf" : key, value.map(simplifyAny)]];
    if (NAMED.has(key)) return [[key, simplifyEach(value)]];
    if (key === "minItems" || key === "maxItems")
      return typeof value === "number" && value <= MAX_ITEMS ? [[key, value]] : [];
    if (key === "additionalProperties") return [[key, record(value) ? simplifyAny(value) : value]];
    return [];
  });
  const simple = Object.fromEntries(entries);
  if (record(simple["properties"]) && simple["additionalProperties"] === undefined)
    simple["additionalProperties"] = false;
  return simple;
}

function simplifyAny(value: unknown): unknown {
  const schema = record(value);
  return schema ? simplify(schema) : value;
}

function simplifyEach(value: unknown): unknown {
  return Object.fromEntries(Object.entries(record(value) ?? {}).map(([name, schema]) => [name, simplifyAny(schema)]));
}
