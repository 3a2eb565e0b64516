import { record } from "../inventory.ts";

const MAX_DEPTH = 12;

/** The smallest value that fits a JSON Schema (draft 7, as far as our wire schemas use it). */
export function minimalInstance(schema: unknown, root: unknown = schema, depth = 0): unknown {
  const wanted = record(schema);
  if (!wanted || depth > MAX_DEPTH) return null;
  if ("const" in wanted) return wanted["const"];
  if (Array.isArray(wanted["enum"])) return wanted["enum"][0];
  const inner = alternative(wanted, root);
  if (inner) return minimalInstance(inner, root, depth + 1);
  return ofType(wanted, root, depth);
}

function alternative(schema: Record<string, unknown>, root: unknown): unknown {
  if (typeof schema["$ref"] === "string") return resolve(schema["$ref"], root);
  for (const key of ["anyOf", "oneOf", "allOf"]) {
    const list = schema[key];
    if (Array.isArray(list) && list.length > 0) return list[0] as unknown;
  }
  return undefined;
}

function resolve(reference: string, root: unknown): unknown {
  const steps = reference
    .replace(/^#\/?/, "")
    .split("/")
    .filter((step) => step !== "");
  return steps.reduce<unknown>((at, step) => record(at)?.[step], root);
}

function ofType(schema: Record<string, unknown>, root: unknown, depth: number): unknown {
  const type = Array.isArray(schema["type"]) ? (schema["type"][0] as unknown) : schema["type"];
  if (type === "object" || schema["properties"]) {
    const properties = Object.entries(record(schema["properties"]) ?? {});
    const required = Array.isArray(schema["required"]) ? schema["required"] : [];
    const kept = properties.filter(([name]) => required.includes(name));
    return Object.fromEntries(kept.map(([name, value]) => [name, minimalInstance(value, root, depth + 1)]));
  }
  if (type === "array") {
    const length = typeof schema["minItems"] === "number" ? schema["minItems"] : 0;
    return Array.from({ length }, () => minimalInstance(schema["items"], root, depth + 1));
  }
  if (type === "string") return "A short answer of the example model.";
  if (type === "number" || type === "integer") return 1;
  return type === "boolean" ? true : null;
}
