import { expect } from "vitest";
import { z } from "zod";
import { Cel } from "../../../src/adapters/expression/index.ts";
import {
  checkDefinition,
  type Checked,
  describedNodeTypes,
  type NodeType,
} from "../../../src/workflow-engine/index.ts";

/** A type with every rule that a field can have. */
const request: NodeType = {
  type: "request",
  description: "Stands for what reaches out.",
  config: z.strictObject({
    url: z.string(),
    headers: z.record(z.string(), z.string()).optional(),
    program: z.array(z.string()).optional(),
    tries: z.int().optional(),
    only: z.boolean().optional(),
  }),
  expressions: ["only"],
  booleans: ["only"],
  literal: ["program"],
  secrets: ["headers"],
  output: () => ({
    type: "object",
    properties: {
      status: { type: "integer" },
      body: { type: "string" },
      tags: { type: "array", items: { type: "string" } },
    },
    required: ["status", "body", "tags"],
  }),
  onCrash: "ask",
  execute: () => Promise.reject(new Error("only described")),
};

const TYPES = [...describedNodeTypes(), request];
const language = new Cel();

export function check(text: string, file = "workflows/test.yaml"): Checked {
  return checkDefinition({ file, text }, TYPES, language);
}

/** `code@line:column` of each mistake, in the order of the text. */
export function places(text: string): string[] {
  return check(text).problems.map(({ code, line, column }) => `${code}@${line}:${column}`);
}

export function codes(text: string): string[] {
  return check(text)
    .problems.filter(({ severity }) => severity === "error")
    .map(({ code }) => code);
}

/** The plan of a definition that must have no mistake. */
export function planOf(text: string): NonNullable<Checked["plan"]> {
  const { plan, problems } = check(text);
  expect(problems.filter(({ severity }) => severity === "error")).toEqual([]);
  return plan!;
}

export { TYPES };
