import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { cleanEnvironment, MAIN } from "../helpers/command.ts";

/** What an agent gets from one call: the tool's output, or the diagnostic of the error table. */
export interface Reply {
  ok: boolean;
  output: Record<string, unknown>;
  /** Null when the call succeeded. */
  code: string | null;
  message: string;
  fix: string;
}

/** A real MCP client behind `specloop mcp`, as an agent starts it. */
export interface Agent extends AsyncDisposable {
  call(tool: string, input: Record<string, unknown>): Promise<Reply>;
}

/** Connects an agent through the shim; the daemon must run already or is started by the shim. */
export async function openAgent(repository: string, toolset: "default" | "full" = "full"): Promise<Agent> {
  const client = new Client({ name: "journey", version: "1.0.0" });
  await client.connect(
    new StdioClientTransport({
      command: process.execPath,
      args: [MAIN, "mcp", "--repo", repository, "--toolset", toolset],
      env: definedOnly(cleanEnvironment()),
      stderr: "ignore",
    }),
  );
  return {
    call: async (name, input) => {
      const result = await client.callTool({ name, arguments: input }, { timeout: 120_000 });
      return replyOf(result as unknown as RawResult);
    },
    [Symbol.asyncDispose]: () => client.close(),
  };
}

interface RawResult {
  isError?: boolean;
  structuredContent?: Record<string, unknown>;
  content?: { text?: string }[];
  _meta?: Record<string, unknown>;
}

function replyOf(result: RawResult): Reply {
  const text = (result.content ?? []).map((part) => part.text ?? "").join("\n");
  const error = result._meta?.["io.github.specloop/error"] as
    | { code: string; message: string; fix: string }
    | undefined;
  const { code = null, message = text, fix = "" } = (result.isError && error) || {};
  return { ok: !result.isError, output: result.structuredContent ?? {}, code, message, fix };
}

function definedOnly(env: Record<string, string | undefined>): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined));
}
