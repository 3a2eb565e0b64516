import { z } from "zod";
import type { Effect, Tool } from "../foundation/tool.ts";

export type JsonSchema = Record<string, unknown>;

/** A tool as programs see it: what `tools/list`, `GET /api/tools` and the control socket show. */
export interface ToolListing {
  name: string;
  title: string;
  description: string;
  /** JSON Schema 2020-12. */
  inputSchema: JsonSchema;
  outputSchema: JsonSchema;
  annotations: ToolAnnotations;
  toolset: "default" | "full";
  personOnly: boolean;
}

/** MCP's hints (server/tools, revision 2026-07-28); all are given because the defaults are pessimistic. */
export interface ToolAnnotations {
  readOnlyHint: boolean;
  destructiveHint: boolean;
  idempotentHint: boolean;
  openWorldHint: boolean;
}

/** Describes tools; making JSON Schemas costs milliseconds, so it is done once per table, not per request. */
export function listTools(tools: readonly Tool[]): ToolListing[] {
  return tools.map((tool) => ({
    name: tool.name,
    title: tool.title,
    description: tool.description,
    inputSchema: inputSchemaOf(tool.input),
    outputSchema: outputSchemaOf(tool.output),
    annotations: annotationsOf(tool.effect, tool.idempotent ?? false),
    toolset: tool.toolset,
    personOnly: tool.personOnly ?? false,
  }));
}

function annotationsOf(effect: Effect, idempotent: boolean): ToolAnnotations {
  return {
    readOnlyHint: effect === "read",
    // What lies beyond the repository may be anything.
    destructiveHint: effect === "write" || effect === "world",
    idempotentHint: effect === "read" || idempotent,
    openWorldHint: effect === "world",
  };
}

/** The caller refuses unknown fields at the top, so the schema says so. */
function inputSchemaOf(schema: z.ZodObject): JsonSchema {
  const strict = schema.def.catchall === undefined ? schema.strict() : schema;
  return toSchema(strict, "input", () => {});
}

/** Outputs may gain fields in later versions, and every `additionalProperties: false` costs tokens. */
function outputSchemaOf(schema: z.ZodObject): JsonSchema {
  return toSchema(schema, "output", (node) => delete node["additionalProperties"]);
}

function toSchema(schema: z.ZodObject, io: "input" | "output", change: (node: JsonSchema) => void): JsonSchema {
  const { $schema: _dialect, ...json } = z.toJSONSchema(schema, {
    io,
    override: ({ jsonSchema }) => {
      dropIntegerBounds(jsonSchema);
      change(jsonSchema);
    },
  });
  return json;
}

/** zod writes the bounds of safe integers on every integer, which tells a reader nothing. */
function dropIntegerBounds(node: JsonSchema): void {
  if (node["minimum"] === Number.MIN_SAFE_INTEGER) delete node["minimum"];
  if (node["maximum"] === Number.MAX_SAFE_INTEGER) delete node["maximum"];
}
