import { toNodeHandler, type NodeIncomingMessageLike, type NodeMcpRequestHandler } from "@modelcontextprotocol/node";
import { classifyInboundRequest, createMcpHandler, type McpHttpHandler } from "@modelcontextprotocol/server";
import { TOKEN_PREFIX } from "../../access/index.ts";
import { SpecloopError } from "../../foundation/errors.ts";
import type { Logger } from "../../foundation/logger.ts";
import { MAX_BODY_BYTES, type Exchange } from "../http-exchange.ts";
import { agentOf, type DoorGate } from "../door-gate.ts";
import { bearerOf } from "../http-guard.ts";
import type { KnownAgent, Mcp, McpConnection } from "../mcp.ts";
import { McpSessions } from "./mcp-sessions.ts";

/**
 * `/mcp`: both protocol eras at one address. A 2026-07-28 request is served by a server of its own; 2025 clients get a
 * session each, so that their subscriptions work. `?toolset=full` shows every tool, `?client=` names the client.
 */
export class McpRoute implements AsyncDisposable {
  readonly #modern: McpHttpHandler;
  readonly #modernHandler: NodeMcpRequestHandler;
  readonly #sessions: McpSessions;

  constructor(mcp: Mcp, { logger, gate }: { logger: Logger; gate?: DoorGate | undefined }) {
    const onerror = (error: Error) => logger.debug({ err: error }, "an MCP request was refused");
    const factory = mcp.exchangeFactory((request) => {
      const token = bearerOf(request?.headers.get("authorization"));
      const agent = token?.startsWith(TOKEN_PREFIX) ? agentOf(gate, token) : undefined;
      return connectionOf(new URL(request?.url ?? "/", "http://localhost"), agent);
    });
    this.#modern = createMcpHandler(factory, {
      legacy: "reject",
      bus: mcp.bus,
      maxRequestBodySize: MAX_BODY_BYTES,
      onerror,
    });
    this.#modernHandler = toNodeHandler(this.#modern, { onerror });
    this.#sessions = new McpSessions(mcp, logger);
  }

  async answer(exchange: Exchange): Promise<void> {
    const { request, response, method } = exchange;
    if (method !== "POST") {
      exchange.streams = method === "GET";
      await this.#sessions.answer(exchange, connectionOf(exchange.url, exchange.agent));
      return;
    }
    const body = await exchange.json();
    if (body === undefined) throw new SpecloopError("bad_input", "The body is empty.", { target: "body" });
    if (isLegacy(exchange, body)) {
      await this.#sessions.answer(exchange, connectionOf(exchange.url, exchange.agent), body);
      return;
    }
    exchange.streams = methodOf(body) === "subscriptions/listen";
    await this.#modernHandler(request as NodeIncomingMessageLike, response, body);
  }

  endAgent(name: string): void {
    this.#sessions.endAgent(name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#modern.close();
    await this.#sessions[Symbol.asyncDispose]();
  }
}

function methodOf(body: unknown): unknown {
  return typeof body === "object" && body !== null && "method" in body ? body.method : undefined;
}

/** The SDK's own decision about the era (`isLegacyRequest`), without making a web request for it. */
function isLegacy(exchange: Exchange, body: unknown): boolean {
  const [version, method, name] = ["mcp-protocol-version", "mcp-method", "mcp-name"].map((each) =>
    exchange.header(each),
  );
  return (
    classifyInboundRequest({
      httpMethod: "POST",
      ...(version !== undefined && { protocolVersionHeader: version }),
      ...(method !== undefined && { mcpMethodHeader: method }),
      ...(name !== undefined && { mcpNameHeader: name }),
      body,
    }).kind === "legacy"
  );
}

function connectionOf({ searchParams }: URL, agent?: KnownAgent): McpConnection {
  const client = searchParams.get("client")?.slice(0, 200);
  const who = agent ? { agent } : { ...(client && { client }) };
  return { ...who, toolset: searchParams.get("toolset") === "full" ? "full" : "default" };
}
