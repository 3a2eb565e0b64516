import { z } from "zod";
import type { NodeType } from "../node-type.ts";
import type { ToolDesk } from "../ports.ts";

const config = z.strictObject({
  tool: z
    .string()
    .regex(/^[\w-]+\.[\w./-]+$/)
    .max(200)
    .describe("`server.tool`, as `specloop server list` shows it"),
  input: z.record(z.string(), z.unknown()).default({}).describe("CEL of each argument, by name"),
});

/** Calls a tool of a downstream MCP server, with the rights of who started the run. */
export function tool(tools: ToolDesk): NodeType<z.output<typeof config>> {
  return {
    type: "tool",
    description: "Calls an approved tool of a downstream MCP server.",
    config,
    expressions: ["input"],
    literal: ["tool"],
    output: () => ({
      type: "object",
      properties: { text: { type: "string" }, structured: {} },
      required: ["text", "structured"],
    }),
    // What a server does with a call is not known, so it is not repeated by itself.
    onCrash: "ask",
    reach: ({ tool: id }) => ({ what: String(id), with: [] }),
    target: ({ tool: id }) => id,
    execute: async ({ config: { tool: id, input }, principal, signal }) => {
      const { text, structured } = await tools.call({ id, input, principal, signal });
      return { outcome: "done", output: { text, structured } };
    },
  };
}
