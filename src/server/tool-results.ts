import type { CallToolResult, StandardSchemaWithJSON } from "@modelcontextprotocol/server";
import { toSpecloopError } from "../foundation/errors.ts";
import type { Tool } from "../foundation/tool.ts";
import type { CallResult } from "./call.ts";
import { listTools, type ToolListing } from "./tool-listing.ts";

/** A tool with its schemas in the form that the SDK takes. */
export type WireTool = Omit<ToolListing, "inputSchema" | "outputSchema"> & {
  inputSchema: StandardSchemaWithJSON;
  outputSchema: StandardSchemaWithJSON;
};

/** Key of the machine-readable error in a result's `_meta`. */
export const ERROR_META_KEY = "io.github.specloop/error";

/** Longest JSON of error details that is put into text for a model. */
const MAX_DETAILS = 6000;

export function wireTools(tools: readonly Tool[]): WireTool[] {
  return listTools(tools).map((listing) => ({
    ...listing,
    inputSchema: ready(listing.inputSchema),
    outputSchema: ready(listing.outputSchema),
  }));
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
