import { z } from "zod";
import type { NodeType } from "../node-type.ts";
import type { ToolDesk } from "../ports.ts";

const config = z.strictObject({
  tool: z
    .string()
    .regex(/^[\w-]+(?:\.[\w./-]+)?$/, "is no `server.tool` and no name of a tool")
    .max(200)
    .describe("`server.tool`, as `specloop server show` shows it, or one of specloop's own tools, such as change_get"),
  input: z.record(z.string(), z.unknown()).default({}).describe("CEL of each argument, by name"),
});

/** Calls a tool of a downstream MCP server, or one of our own, with the rights of who started the run. */
export function tool(tools: ToolDesk): NodeType<z.output<typeof config>> {
  return {
    type: "tool",
    description:
      "Calls an approved tool of a downstream MCP server, or one of specloop's own that is not for people only.",
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
    // Our own take a key, so that the second call is the first one.
    onCrashOf: ({ tool: id }) => (String(id).includes(".") ? "ask" : "retry"),
    reach: ({ tool: id }) => ({ what: String(id), with: [] }),
    target: ({ tool: id }) => id,
    execute: async ({ config: { tool: id, input }, principal, signal, idempotencyKey, round }) => {
      const key = `${idempotencyKey}/${round}`;
      const { text, structured } = await tools.call({ id, input, principal, signal, key });
      return { outcome: "done", output: { text, structured } };
    },
  };
}
