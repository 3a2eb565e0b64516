import { Client, StreamableHTTPClientTransport, type Transport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { SpecloopError } from "../../foundation/errors.ts";

/** One connection to an MCP server, as a client that calls tools. */
export interface McpConnection extends AsyncDisposable {
  /** Structured result of a tool; a tool that reports an error is thrown as `SpecloopError` with the server's words. */
  callTool(name: string, input: Record<string, unknown>): Promise<Record<string, unknown>>;
  listTools(): Promise<string[]>;
}

interface StdioTarget {
  /** Shown to the server as the client's name. */
  client: string;
  command: string;
  args: string[];
  cwd: string;
  env: Record<string, string | undefined>;
}

/** Starts a server as a child process and speaks MCP with it on stdio. */
export async function connectStdio(target: StdioTarget): Promise<McpConnection> {
  const { command, args, cwd } = target;
  const env = Object.fromEntries(
    Object.entries(target.env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
  return open(target.client, new StdioClientTransport({ command, args, cwd, env, stderr: "inherit" }));
}

/** Speaks MCP over HTTP with a server that wants a bearer token. */
export async function connectHttp(target: { client: string; url: string; token: string }): Promise<McpConnection> {
  const headers = { authorization: `Bearer ${target.token}` };
  return open(target.client, new StreamableHTTPClientTransport(new URL(target.url), { requestInit: { headers } }));
}

async function open(name: string, transport: Transport): Promise<McpConnection> {
  const client = new Client({ name, version: "1.0.0" }, { versionNegotiation: { mode: "auto" } });
  await client.connect(transport);
  return {
    callTool: (tool, input) => call(client, tool, input),
    listTools: async () => (await client.listTools()).tools.map((tool) => tool.name),
    [Symbol.asyncDispose]: () => client.close(),
  };
}

async function call(client: Client, name: string, input: Record<string, unknown>): Promise<Record<string, unknown>> {
  const result = await client.callTool({ name, arguments: input });
  if (!result.isError) return (result.structuredContent ?? {}) as Record<string, unknown>;
  const said = result.content.map((part) => (part.type === "text" ? part.text : "")).join("\n");
  throw new SpecloopError("bad_input", said || `The tool ${name} failed and did not say why.`, { target: name });
}
