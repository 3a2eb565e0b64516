import { z } from "zod";
import type { JsonSchema } from "../../adapters/expression/index.ts";
import type { NodeType } from "../node-type.ts";
import { KEY, nodeFields, stepFields, workflowFields } from "./schema.ts";

/** JSON Schema (2020-12) of a definition, for editors: completion, help, and mistakes while typing. */
export function editorSchema(types: readonly NodeType[]): JsonSchema {
  const { $schema, properties, ...rest } = jsonSchema(workflowFields);
  const nodes = { type: "object", propertyNames: { pattern: KEY.source }, additionalProperties: ref("node") };
  return {
    $schema,
    title: "A workflow of specloop",
    ...rest,
    properties: { ...(properties as JsonSchema), nodes, inputs: INPUTS },
    $defs: {
      nodes,
      node: oneOf(types, Object.keys(nodeFields.shape)),
      step: oneOf(types, Object.keys(stepFields.shape)),
      ...commonFields(),
    },
  };
}

const INPUTS: JsonSchema = {
  type: "object",
  description:
    "string, number, integer, boolean, object, any, list<string>, map<number>; with ? where it may be absent",
  additionalProperties: { type: ["string", "object"] },
};

const FIELD = "field_";

/** Written once, since every type of node has them. */
function commonFields(): JsonSchema {
  const fields = {
    ...(jsonSchema(nodeFields)["properties"] as JsonSchema),
    fallback: {
      description: "Instead of failing: another step, or a value",
      oneOf: [closed({ node: ref("step") }, ["node"]), closed({ value: {} }, ["value"])],
    },
    undo: { description: "A step that takes back what the node did", ...ref("step") },
    do: { description: "The nodes that are done for each item", ...ref("nodes") },
  };
  return Object.fromEntries(Object.entries(fields).map(([field, schema]) => [FIELD + field, schema]));
}

function oneOf(types: readonly NodeType[], fields: string[]): JsonSchema {
  const common = Object.fromEntries(fields.map((field) => [field, ref(FIELD + field)]));
  return { type: "object", required: ["type"], oneOf: types.map((type) => ofType(type, common)) };
}

function ofType(type: NodeType, { as, do: body, ...common }: JsonSchema): JsonSchema {
  const own = jsonSchema(type.config);
  const fields = Object.entries((own["properties"] ?? {}) as Record<string, JsonSchema>).map(([name, schema]) => [
    name,
    asWritten(schema, type, name),
  ]);
  const properties = {
    ...common,
    ...(type.body === true && body !== undefined ? { as, do: body } : {}),
    ...(Object.fromEntries(fields) as JsonSchema),
    type: { const: type.type, description: type.description },
  };
  const required = Array.isArray(own["required"]) ? (own["required"] as string[]) : [];
  return closed(properties, ["type", ...required, ...(type.body === true && body !== undefined ? ["do"] : [])]);
}

/** What has a value later is written as CEL, and a template may stand for what is no text. */
function asWritten(schema: JsonSchema, type: NodeType, field: string): JsonSchema {
  const { description } = schema;
  const told = description === undefined ? {} : { description };
  if (type.expressions.includes(field)) return told;
  if (type.literal?.includes(field) || schema["type"] === "string") return schema;
  return { ...told, anyOf: [schema, { type: "string", pattern: "\\$\\{\\{" }] };
}

function closed(properties: JsonSchema, required: string[]): JsonSchema {
  return { type: "object", properties, required, additionalProperties: false };
}

function ref(name: string): JsonSchema {
  return { $ref: `#/$defs/${name}` };
}

function jsonSchema(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as JsonSchema;
}
