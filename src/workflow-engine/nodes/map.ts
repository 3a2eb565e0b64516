import { z } from "zod";
import type { NodeType } from "../node-type.ts";

/** Items of one map at most: each is at least one row. */
const MAX_ITEMS = 10_000;

const config = z.strictObject({
  over: z.array(z.unknown()).describe("CEL of the list"),
  concurrency: z.int().min(1).max(100).default(4).describe("Items under way at once"),
  limit: z.int().min(1).max(MAX_ITEMS).default(1000).describe("Items at most; a longer list fails the node"),
  on_error: z.enum(["fail", "continue"]).default("fail").describe("`continue`: the output says which items failed"),
});

/** Does its body for each item of a list, so many at a time. Items are made as their turn comes. */
export const map: NodeType<z.output<typeof config>> = {
  type: "map",
  description: "Does the same for each item of a list, so many at a time.",
  config,
  expressions: ["over"],
  body: true,
  literal: ["concurrency", "limit", "on_error"],
  output: () => ({
    type: "object",
    properties: {
      results: { type: "array", items: {} },
      failed: {
        type: "array",
        items: {
          type: "object",
          properties: { index: { type: "integer" }, error: { type: "string" } },
          required: ["index", "error"],
        },
      },
    },
    required: ["results", "failed"],
    additionalProperties: false,
  }),
  onCrash: "retry",
  inside: true,
  execute: async ({ config: { over, concurrency, limit, on_error: onError } }) =>
    over.length > limit
      ? { outcome: "failed", kind: "refused", message: `The list has ${over.length} items; ${limit} are allowed.` }
      : { outcome: "items", items: over, concurrency, onError },
};
