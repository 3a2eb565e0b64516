import type { Principal } from "../foundation/principal.ts";

/** A tool of a downstream MCP server as clients and workflows see it. Its texts are the server's own: data. */
export interface ServerTool {
  /** `server.tool`. */
  id: string;
  server: string;
  name: string;
  title: string;
  description: string;
  inputSchema: Record<string, unknown>;
  outputSchema: Record<string, unknown> | null;
  /** The server's own claims, untrusted. */
  readOnly: boolean;
  destructive: boolean;
  /** SHA-256 over name, description, schemas and annotations: what a person approved. */
  pin: string;
}

export interface ToolCall {
  id: string;
  input: Record<string, unknown>;
  principal: Principal;
  /** Milliseconds; the server's own limit when absent. */
  timeoutMs?: number;
  signal: AbortSignal;
}

export interface ToolResult {
  /** Text parts joined; other parts are named, not carried. */
  text: string;
  structured: Record<string, unknown> | null;
  ms: number;
  server: string;
}

/** The approved, pinned, running tools. */
export interface ToolServers {
  tools(): ServerTool[];
  /**
   * Settles in time whatever the server does. Rejects `unknown_tool`, `tool_unapproved`, `tool_changed`,
   * `tool_unavailable` (down, breaker open, busy), `tool_timeout`, `tool_failed` (it said so), `bad_input`.
   */
  call(call: ToolCall): Promise<ToolResult>;
}
