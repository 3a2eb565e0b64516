import type { Client } from "@modelcontextprotocol/client";
import { SpecloopError } from "../../foundation/errors.ts";
import type { DownstreamTool } from "./port.ts";

const MAX_PAGES = 20;
const MAX_TOOLS = 300;
/** Of all definitions together. */
const MAX_CHARACTERS = 2_000_000;
/** MCP, server/tools (revision 2025-11-25): what a name is made of; ids and rights are written with it. */
const NAME = /^[A-Za-z0-9_./-]{1,128}$/;

/** Deeper definitions describe nothing, and take the stack of whoever walks through them. */
const MAX_DEPTH = 64;

/**
 * Every tool, page by page, beside the SDK's cache. Tools without a proper name or with definitions of more than 64 levels
 * are left out; the first of a name counts.
 */
export async function listAll(
  client: Client,
  { timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal },
): Promise<DownstreamTool[]> {
  if (!client.getServerCapabilities()?.tools) return [];
  const found = new Map<string, DownstreamTool>();
  const until = performance.now() + timeoutMs;
  let cursor: string | undefined;
  let characters = 0;
  for (let page = 0; page === 0 || cursor !== undefined; page += 1) {
    if (page === MAX_PAGES) throw tooMuch(`${MAX_PAGES} pages`);
    const params = cursor === undefined ? {} : { cursor };
    const timeout = Math.max(1, until - performance.now());
    const result = await client.request({ method: "tools/list", params }, { timeout, signal });
    characters += result.tools.reduce((sum, tool) => sum + (isDeep(tool) ? 0 : JSON.stringify(tool).length), 0);
    if (characters > MAX_CHARACTERS) throw tooMuch(`${MAX_CHARACTERS} characters`);
    for (const tool of result.tools) {
      if (NAME.test(tool.name) && !found.has(tool.name) && !isDeep(tool)) found.set(tool.name, definitionOf(tool));
    }
    if (found.size > MAX_TOOLS) throw tooMuch(`${MAX_TOOLS} tools`);
    cursor = result.nextCursor;
  }
  return [...found.values()];
}

/** Level by level, so that no depth of it costs stack. */
function isDeep(definition: unknown): boolean {
  let level: unknown[] = [definition];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > MAX_DEPTH) return true;
    level = level.flatMap((item) => (typeof item === "object" && item !== null ? Object.values(item) : []));
  }
  return false;
}

interface Listed {
  name: string;
  title?: string | undefined;
  description?: string | undefined;
  inputSchema: object;
  outputSchema?: object | undefined;
  annotations?: object | undefined;
}

function definitionOf({ name, title, description, inputSchema, outputSchema, annotations }: Listed): DownstreamTool {
  const claims: Record<string, unknown> = { ...annotations };
  const named = typeof claims["title"] === "string" ? claims["title"] : "";
  return {
    name,
    title: title ?? named,
    description: description ?? "",
    inputSchema: { ...inputSchema },
    outputSchema: outputSchema ? { ...outputSchema } : null,
    annotations: claims,
  };
}

function tooMuch(limit: string): SpecloopError {
  return new SpecloopError("tool_failed", `Its list of tools has more than ${limit}.`, {
    target: "tools/list",
    fix: "Leave this server off; a list without end is no list.",
  });
}
