import { randomUUID } from "node:crypto";
import { NodeStreamableHTTPServerTransport } from "@modelcontextprotocol/node";
import { isInitializeRequest } from "@modelcontextprotocol/server";
import { SpecloopError } from "../../foundation/errors.ts";
import type { Logger } from "../../foundation/logger.ts";
import type { Exchange } from "../http-exchange.ts";
import type { Mcp, McpConnection } from "../mcp.ts";

const MAX_SESSIONS = 128;
/** A session without a request and without an open stream ends after this time; its client begins a new one (404). */
const IDLE_MS = 30 * 60 * 1000;
const SWEEP_MS = 60 * 1000;

interface Session {
  transport: NodeStreamableHTTPServerTransport;
  /** Id of the registered agent that began it: nobody else may go on with it. */
  agent: string | undefined;
  /** Its name. */
  agentName: string | undefined;
  /** Responses that are open now. */
  open: number;
  /** Milliseconds of the process's monotonic clock. */
  usedAt: number;
}

/** 2025-era HTTP sessions: each has its own server, and only the client that was given its id reaches it. */
export class McpSessions implements AsyncDisposable {
  readonly #mcp: Mcp;
  readonly #logger: Logger;
  readonly #sessions = new Map<string, Session>();
  #sweeper: NodeJS.Timeout | null = null;

  constructor(mcp: Mcp, logger: Logger) {
    this.#mcp = mcp;
    this.#logger = logger;
  }

  async answer(exchange: Exchange, connection: McpConnection, body?: unknown): Promise<void> {
    const id = exchange.header("mcp-session-id");
    const session = id === undefined ? await this.#begin(connection, body) : this.#sessions.get(id);
    if (!session || session.agent !== connection.agent?.id)
      throw new SpecloopError("not_found", "This session is over or never was.", {
        target: "Mcp-Session-Id",
        fix: "Send initialize to begin a new one.",
      });
    session.usedAt = performance.now();
    session.open += 1;
    exchange.response.once("close", () => {
      session.open -= 1;
      session.usedAt = performance.now();
    });
    await session.transport.handleRequest(exchange.request, exchange.response, body);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#sweeper) clearInterval(this.#sweeper);
    await Promise.allSettled([...this.#sessions.values()].map(({ transport }) => transport.close()));
  }

  endAgent(name: string): void {
    for (const [id, session] of this.#sessions) if (session.agentName === name) void this.#end(id);
  }

  async #begin(connection: McpConnection, body: unknown): Promise<Session> {
    if (!isInitializeRequest(body)) {
      throw new SpecloopError("bad_input", "The request belongs to no session.", {
        target: "Mcp-Session-Id",
        fix: "Send initialize first.",
      });
    }
    await this.#makeRoom();
    const id = randomUUID();
    const transport = new NodeStreamableHTTPServerTransport({
      sessionIdGenerator: () => id,
      onsessioninitialized: (id) => void this.#sessions.set(id, session),
      onsessionclosed: (id) => void this.#sessions.delete(id),
    });
    const { agent } = connection;
    const session: Session = {
      transport,
      agent: agent?.id,
      agentName: agent?.name,
      open: 0,
      usedAt: performance.now(),
    };
    // Known from the beginning, so that resources and notifications are this session's, as calls are.
    const server = await this.#mcp.connectionFactory({ ...connection, session: connection.session ?? id })({
      era: "legacy",
    });
    await server.connect(transport);
    return session;
  }

  /** At the bound the session that was idle for longest ends; if every one is in use, the new client has to wait. */
  async #makeRoom(): Promise<void> {
    this.#sweeper ??= setInterval(() => void this.#sweep(), SWEEP_MS).unref();
    if (this.#sessions.size < MAX_SESSIONS) return;
    const idle = [...this.#sessions].filter(([, session]) => session.open === 0);
    const [oldest] = idle.toSorted(([, a], [, b]) => a.usedAt - b.usedAt);
    if (!oldest) throw new SpecloopError("too_many_clients", `${MAX_SESSIONS} MCP sessions are in use.`);
    await this.#end(oldest[0]);
  }

  async #sweep(): Promise<void> {
    const now = performance.now();
    const over = [...this.#sessions].filter(([, { open, usedAt }]) => open === 0 && now - usedAt > IDLE_MS);
    for (const [id] of over) await this.#end(id);
  }

  async #end(id: string): Promise<void> {
    const session = this.#sessions.get(id);
    this.#sessions.delete(id);
    await session?.transport
      .close()
      .catch((error: unknown) => this.#logger.debug({ err: error }, "a session did not close well"));
  }
}
