import type { CallToolResult, StandardSchemaWithJSON } from "@modelcontextprotocol/server";
import { toSpecloopError } from "../foundation/errors.ts";
import type { Tool } from "../foundation/tool.ts";
import type { CallResult } from "./call.ts";
import { listTools, type JsonSchema, type ToolAnnotations, type ToolListing } from "./tool-listing.ts";

/** A tool with its schemas in the form that the SDK takes. */
export type WireTool = Omit<ToolListing, "inputSchema" | "outputSchema" | "annotations"> & {
  annotations: Partial<ToolAnnotations>;
  inputSchema: StandardSchemaWithJSON;
  outputSchema: StandardSchemaWithJSON;
};

/** Key of the machine-readable error in a result's `_meta`. */
export const ERROR_META_KEY = "io.github.specloop/error";

/** Longest JSON of error details that is put into text for a model. */
const MAX_DETAILS = 6000;

/**
 * What MCP clients are shown. Every client pays for it in every conversation, so outputs are described one level deep and
 * hints that mean nothing for a tool that only reads are left out; `GET /api/tools` has the whole of it.
 */
export function wireTools(tools: readonly Tool[]): WireTool[] {
  return listTools(tools).map((listing) => {
    return {
      ...listing,
      annotations: unusual(listing.annotations),
      inputSchema: ready(withoutLengths(listing.inputSchema)),
      outputSchema: ready(shallow(listing.outputSchema, 1)),
    };
  });
}

/** Hints that differ from what the specification takes for granted (server/tools, `ToolAnnotations`). */
function unusual({
  readOnlyHint,
  destructiveHint,
  idempotentHint,
  openWorldHint,
}: ToolAnnotations): Partial<ToolAnnotations> {
  if (readOnlyHint) return { readOnlyHint, openWorldHint };
  return {
    ...(!destructiveHint && { destructiveHint }),
    ...(idempotentHint && { idempotentHint }),
    ...(!openWorldHint && { openWorldHint }),
  };
}

/**
 * A schema that everything which fits the whole one fits too: without descriptions and required keys, and loose below
 * `levels` objects.
 */
function shallow(schema: JsonSchema, levels: number): JsonSchema {
  const { description: _description, properties, required: _required, anyOf, ...rest } = schema;
  const types = Array.isArray(anyOf) ? anyOf.map((choice) => (isSchema(choice) ? choice["type"] : undefined)) : [];
  if (types.length > 0) return types.every((type) => typeof type === "string") ? { ...rest, type: types } : rest;
  const inner = (value: unknown): unknown =>
    Array.isArray(value) ? value.map(inner) : isSchema(value) ? shallow(value, levels) : value;
  const result = withoutNothing(Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, inner(value)])));
  if (!isSchema(properties) || levels === 0) return result;
  const named = Object.entries(properties).map(([name, value]) => [
    name,
    isSchema(value) ? shallow(value, levels - 1) : value,
  ]);
  return { ...result, properties: Object.fromEntries(named) };
}

/** Keywords that allow everything: `items: {}`, names of properties that are text, an object of which nothing is known. */
function saysNothing(key: string, value: unknown): boolean {
  if (key === "propertyNames") return JSON.stringify(value) === '{"type":"string"}';
  const open = ["items", "properties", "additionalProperties"].includes(key);
  return open && isSchema(value) && Object.keys(value).length === 0;
}

function withoutNothing(values: object): JsonSchema {
  return Object.fromEntries(Object.entries(values).filter(([key, value]) => !saysNothing(key, value)));
}

/** Lengths of texts are checked by the caller, which says what is wrong; a model learns nothing from them before. */
function withoutLengths(schema: JsonSchema): JsonSchema {
  const { minLength: _least, maxLength: _most, properties, ...rest } = schema;
  const inner = (value: unknown): unknown =>
    Array.isArray(value) ? value.map(inner) : isSchema(value) ? withoutLengths(value) : value;
  const each = (values: object) =>
    Object.fromEntries(Object.entries(values).map(([key, value]) => [key, inner(value)]));
  const known = isSchema(properties) && Object.keys(properties).length > 0;
  return { ...withoutNothing(each(rest)), ...(known && { properties: each(properties) }) };
}

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A schema that is already JSON and checks nothing: the caller checks input and the tool its output, for all doors. */
function ready(json: Record<string, unknown>): StandardSchemaWithJSON {
  return {
    "~standard": {
      version: 1,
      vendor: "specloop",
      validate: (value) => ({ value }),
      jsonSchema: { input: () => json, output: () => json },
    },
  };
}

export function toToolResult({ output, text }: CallResult): CallToolResult {
  return { content: [{ type: "text", text }], structuredContent: output };
}

/**
 * An error as a model can act on it: what happened, to what, what to do. The diagnostic goes into `_meta` and not into
 * `structuredContent`, because clients of the 1.x SDK check that against the output schema even when `isError` is set.
 */
export function toErrorResult(thrown: unknown): CallToolResult {
  const error = toSpecloopError(thrown);
  const lines = [`Error ${error.code}: ${error.message}`];
  if (error.target !== undefined) lines.push(`About: ${error.target}`);
  lines.push(`What to do: ${error.fix}`);
  if (error.details) lines.push(`Details: ${shortened(JSON.stringify(error.details))}`);
  const details = error.details ? { details: error.details } : {};
  return {
    isError: true,
    content: [{ type: "text", text: lines.join("\n") }],
    _meta: { [ERROR_META_KEY]: { ...error.toDiagnostic(), ...details } },
  };
}

function shortened(text: string): string {
  return text.length <= MAX_DETAILS ? text : `${text.slice(0, MAX_DETAILS)} … (${text.length} characters)`;
}
