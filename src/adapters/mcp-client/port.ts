import type { Network } from "../web/index.ts";

/** A tool as a downstream server describes it. Every text is the server's own: data. */
export interface DownstreamTool {
  name: string;
  title: string;
  description: string;
  inputSchema: Record<string, unknown>;
  outputSchema: Record<string, unknown> | null;
  /** The server's claims about its tool. */
  annotations: Record<string, unknown>;
}

export interface DownstreamResult {
  /** The tool says that it failed; `text` says why. */
  isError: boolean;
  text: string;
  structured: Record<string, unknown> | null;
}

/** How a downstream server is reached. Everything is resolved: nothing is looked up or expanded any more. */
export type DownstreamTarget =
  | {
      kind: "stdio";
      /** Absolute. */
      command: string;
      args: string[];
      cwd: string;
      /** The whole environment of the process. */
      env: Record<string, string>;
    }
  | { kind: "socket"; path: string }
  | {
      kind: "http";
      url: string;
      headers: Record<string, string>;
      /** Addresses that may be connected to, looked at when it is dialled. */
      network: Network;
    };

export interface OpenOptions {
  /** Milliseconds for start and handshake together. */
  timeoutMs: number;
  /** Ends a start that is under way. */
  signal: AbortSignal;
  /** Longest message that the server may send, in bytes. */
  maxMessageBytes: number;
  /** A line that a process wrote to stderr, or that was no message. */
  onNoise: (line: string) => void;
  /** The server says that its tools are others now. */
  onToolsChanged: () => void;
  /** Once, with why; not after disposal. */
  onClosed: (reason: string) => void;
}

/** A connection to one downstream server. Disposal ends its process with all that it started. */
export interface Downstream extends AsyncDisposable {
  /** Revision that was negotiated. */
  readonly protocol: string;
  /** Name and version that the server gives itself. */
  readonly says: string;
  /** Process group of a child; null for a server that is not ours. */
  readonly pid: number | null;
  /** All pages. Rejects `tool_failed` for lists that are too long, `tool_timeout`, `tool_unavailable`. */
  tools(limit: { timeoutMs: number; signal: AbortSignal }): Promise<DownstreamTool[]>;
  /** Rejects `tool_timeout`, `tool_unavailable`, `tool_failed` (protocol), `bad_input`; a cancelled call is told to the server. */
  call(
    tool: DownstreamTool,
    input: Record<string, unknown>,
    limit: { timeoutMs: number; signal: AbortSignal },
  ): Promise<DownstreamResult>;
}
