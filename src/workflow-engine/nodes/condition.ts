import { z } from "zod";
import type { NodeType } from "../node-type.ts";

const config = z.strictObject({ if: z.boolean().describe("CEL that is true or false") });

/** Decides something once, under a name that several nodes' `when` can read. */
export const condition: NodeType<z.output<typeof config>> = {
  type: "condition",
  description: "Decides something once: `nodes.KEY.output.met` is true or false.",
  config,
  expressions: ["if"],
  booleans: ["if"],
  output: () => ({ type: "object", properties: { met: { type: "boolean" } }, additionalProperties: false }),
  onCrash: "retry",
  inside: true,
  execute: async ({ config: { if: met } }) => ({ outcome: "done", output: { met } }),
};
