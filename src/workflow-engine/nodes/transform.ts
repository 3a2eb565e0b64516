import { z } from "zod";
import type { NodeType } from "../node-type.ts";

const config = z
  .strictObject({
    set: z.record(z.string().min(1).max(200), z.unknown()).optional().describe("CEL of each field of the output"),
    value: z.unknown().optional().describe("CEL of the whole output, where it is not an object of known fields"),
  })
  .refine(({ set, value }) => (set === undefined) !== (value === undefined), "Write either set or value.");

/** Makes a value of others. */
export const transform: NodeType<z.output<typeof config>> = {
  type: "transform",
  description: "Makes a value of others with CEL; no code runs.",
  config,
  expressions: ["set", "value"],
  output: ({ set }) =>
    set === undefined
      ? {}
      : {
          type: "object",
          properties: Object.fromEntries(Object.keys(set).map((key) => [key, {}])),
          additionalProperties: false,
        },
  onCrash: "retry",
  inside: true,
  execute: async ({ config: { set, value } }) => ({ outcome: "done", output: set ?? value }),
};
