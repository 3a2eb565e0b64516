import { createServer, type Server } from "node:http";
import { setTimeout as wait } from "node:timers/promises";
import { SpecloopError, toSpecloopError } from "../foundation/errors.ts";
import type { EventBus } from "../foundation/events.ts";
import type { HealthCheck } from "../foundation/health.ts";
import type { Logger } from "../foundation/logger.ts";
import type { Principal } from "../foundation/principal.ts";
import type { Service } from "../foundation/service.ts";
import type { Caller } from "./call.ts";
import { type DoorGate, NOBODY } from "./door-gate.ts";
import { checkAddress, checkToken, ownAuthorities } from "./http-guard.ts";
import { Exchange } from "./http-exchange.ts";
import type { Mcp } from "./mcp.ts";
import { EventStream } from "./routes/events.ts";
import { answerHealth, answerReady } from "./routes/health.ts";
import { McpRoute } from "./routes/mcp.ts";
import { answerMetrics } from "./routes/metrics.ts";
import { answerCall, answerTools } from "./routes/tools.ts";
import { WorkflowRoutes } from "./routes/workflows.ts";
import { listTools, type ToolListing } from "./tool-listing.ts";

/** Ports that are tried when the wanted one is taken. */
const PORTS_TRIED = 50;
/**
 * How long the headers of a request may take, counted from the connection where it is the first. Long enough for a client
 * and a machine that have much to do, because a request that has come is looked at only after this time.
 */
const HEADERS_MS = 20_000;
/**
 * Clients are told to give a connection up that they left idle for so long, and it is kept for longer than that: were the
 * server the first to close, a request that is on its way at that moment would be lost.
 */
const IDLE_MS = 5000;
const IDLE_GRACE_MS = 60_000;
/** How long clients have to take their connections away when the daemon stops. */
const LEAVE_MS = 150;
/** How long requests that are under way may take when the daemon stops. */
const DRAIN_MS = 3000;

export interface HttpDoorOptions {
  /** Address to listen on: a loopback one. */
  host: string;
  /** Wanted port; 0 for any. */
  port: number;
  /** Fail with `port_in_use` instead of taking the next free port. */
  strictPort: boolean;
  /** What clients send as bearer token. Null leaves the door open and is for conformance tests: no option of the product sets it. */
  token: string | null;
  caller: Caller;
  mcp: Mcp;
  health: readonly HealthCheck[];
  events: EventBus;
  /** Knows agents by their tokens; nobody has one without it. */
  gate?: DoorGate;
  /** Milliseconds that the headers of a request may take; `HEADERS_MS` when absent. */
  headersMs?: number;
  /** What Prometheus scrapes; there is no `/metrics` without it. */
  scrape?: () => string;
  logger: Logger;
}

/**
 * HTTP for this machine: MCP, REST, events, health. Every request is checked in one order before its body is read: Host and
 * Origin (403), token (401), then content type (415) and size (413). No CORS header is ever sent.
 */
export class HttpDoor implements Service {
  readonly name = "http";
  readonly #options: HttpDoorOptions;
  readonly #server: Server;
  readonly #mcp: McpRoute;
  readonly #events: EventStream;
  readonly #workflows: WorkflowRoutes;
  readonly #listing: ToolListing[];
  readonly #open = new Set<Exchange>();
  readonly #listeners = new DisposableStack();
  #authorities: ReadonlySet<string> = new Set();
  #stopping = false;

  constructor(options: HttpDoorOptions) {
    this.#options = options;
    this.#mcp = new McpRoute(options.mcp, options);
    this.#events = new EventStream(options.events);
    this.#workflows = new WorkflowRoutes(options.caller, options);
    this.#listing = listTools(options.caller.tools);
    // Against clients that send slowly on purpose; looked at twice a second.
    const slow = {
      headersTimeout: options.headersMs ?? HEADERS_MS,
      requestTimeout: 30_000,
      connectionsCheckingInterval: 500,
    };
    const idle = { keepAliveTimeout: IDLE_MS, keepAliveTimeoutBuffer: IDLE_GRACE_MS };
    this.#server = createServer({ ...slow, ...idle, maxHeaderSize: 16 * 1024 }, (request, response) => {
      void this.#answer(new Exchange(request, response));
    });
    this.#server.maxConnections = 2048;
  }

  /** The port that is listened on; 0 before the start. */
  get port(): number {
    const address = this.#server.address();
    return address !== null && typeof address === "object" ? address.port : 0;
  }

  get url(): string {
    const { host } = this.#options;
    return `http://${host.includes(":") ? `[${host}]` : host}:${this.port}`;
  }

  async start(signal: AbortSignal): Promise<void> {
    const { host, port, strictPort } = this.#options;
    const tries = strictPort || port === 0 ? 1 : PORTS_TRIED;
    for (let offset = 0; offset < tries; offset++) {
      signal.throwIfAborted();
      if (await this.#listen(host, port + offset)) {
        this.#authorities = ownAuthorities(host, this.port);
        this.#listeners.use(this.#options.events.on("agent.revoked", ({ agent }) => this.#endAgent(agent)));
        return;
      }
    }
    const last = port + tries - 1;
    const taken = tries === 1 ? `Port ${port} is taken` : `The ports ${port} to ${last} are taken`;
    throw new SpecloopError("port_in_use", `${taken} on ${host}.`, { target: String(port) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping = true;
    this.#listeners.dispose();
    if (!this.#server.listening) return;
    for (const { response } of this.#open) if (!response.headersSent) response.setHeader("connection", "close");
    this.#events[Symbol.dispose]();
    this.#workflows[Symbol.dispose]();
    await this.#tellToLeave();
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeIdleConnections();
    await this.#drain();
    await this.#mcp[Symbol.asyncDispose]();
    this.#server.closeAllConnections();
    await closed;
  }

  /** Resolves to false when the port is taken. */
  #listen(host: string, port: number): Promise<boolean> {
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    const onError = (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") resolve(false);
      else
        reject(
          new SpecloopError("port_in_use", `${host}:${port}: ${error.message}`, { target: String(port), cause: error }),
        );
    };
    this.#server.once("error", onError);
    this.#server.listen({ host, port, exclusive: true }, () => {
      this.#server.off("error", onError);
      resolve(true);
    });
    return promise;
  }

  /**
   * Clients that keep a connection are told to close it with the next answer, and get a moment for it: closing under a
   * request that is on its way would reset it.
   */
  async #tellToLeave(): Promise<void> {
    const connections = await new Promise<number>((resolve) => {
      this.#server.getConnections((error, count) => resolve(error ? 0 : count));
    });
    const streams = [...this.#open].filter((exchange) => exchange.streams).length;
    if (connections > streams) await wait(LEAVE_MS, undefined, { ref: false });
  }

  /** What a revoked agent has open is closed; its next request is refused for its token. */
  #endAgent(name: string): void {
    for (const exchange of this.#open) if (exchange.agent?.name === name) exchange.response.destroy();
    this.#mcp.endAgent(name);
  }

  async #drain(): Promise<void> {
    const finished = [...this.#open]
      .filter(({ streams }) => !streams)
      .map(({ response }) => new Promise((resolve) => response.once("close", resolve)));
    await Promise.race([Promise.all(finished), wait(DRAIN_MS, undefined, { ref: false })]);
  }

  async #answer(exchange: Exchange): Promise<void> {
    this.#open.add(exchange);
    exchange.response.once("close", () => this.#open.delete(exchange));
    if (this.#stopping) exchange.response.setHeader("connection", "close");
    try {
      checkAddress(exchange.request, this.#authorities);
      await this.#route(exchange);
    } catch (thrown) {
      const error = toSpecloopError(thrown);
      if (error.code === "internal")
        this.#options.logger.error({ err: thrown, path: exchange.url.pathname }, "a request failed");
      this.#options.gate?.tell(error, principalOf(exchange), placeOf(exchange.url.pathname));
      await exchange.refuse(error);
    }
  }

  async #route(exchange: Exchange): Promise<void> {
    const { token, health, caller, gate, scrape } = this.#options;
    const path = exchange.url.pathname;
    if (path === "/health") return allow(exchange, "GET", () => answerHealth(exchange));
    if (token !== null) exchange.agent = checkToken(exchange.request, token, gate);
    if (this.#stopping) throw new SpecloopError("daemon_stopping", "The daemon is stopping and takes nothing new.");
    if (path === "/mcp") return this.#mcp.answer(exchange);
    const name = /^\/api\/tools\/([^/]+)$/.exec(path)?.[1];
    if (name !== undefined) return allow(exchange, "POST", () => answerCall(exchange, name, caller));
    if (WorkflowRoutes.has(path)) return this.#workflows.answer(exchange);
    refuseAgent(exchange);
    if (path === "/ready") return allow(exchange, "GET", () => answerReady(exchange, health));
    if (path === "/metrics" && scrape) return allow(exchange, "GET", () => answerMetrics(exchange, scrape));
    if (path === "/events") return allow(exchange, "GET", () => this.#events.answer(exchange));
    if (path === "/api/tools") return allow(exchange, "GET", () => answerTools(exchange, this.#listing));
    throw new SpecloopError("not_found", `There is nothing at ${path.slice(0, 200)}.`, {
      target: path.slice(0, 200),
      fix: ADDRESSES,
    });
  }
}

/** Events and checks tell of everything, and an agent's token is for what was granted to it. */
function refuseAgent({ agent, url }: Exchange): void {
  if (!agent) return;
  throw new SpecloopError("forbidden", `${agent.name} may use /mcp, /api/tools/{name} and /api/workflows/.`, {
    target: url.pathname.slice(0, 200),
  });
}

function principalOf({ agent }: Exchange): Principal {
  return agent ? { kind: "agent", name: agent.name } : NOBODY;
}

/** The address without what a client can make up, so that refused requests of one kind count as one kind. */
function placeOf(path: string): string {
  const known = /^\/(?:mcp|ready|events|metrics|health|api\/tools|api\/workflows)(?=\/|$)/.exec(path)?.[0];
  return known ?? "another address";
}

const ADDRESSES =
  "There are /mcp, /api/tools, /api/tools/{name}, /api/workflows/, /events, /metrics, /ready and /health.";

async function allow(exchange: Exchange, method: "GET" | "POST", answer: () => void | Promise<void>): Promise<void> {
  const asked = exchange.method === "HEAD" ? "GET" : exchange.method;
  if (asked !== method) {
    const message = `${exchange.method.slice(0, 20)} is not possible here.`;
    throw new SpecloopError("not_found", message, { target: exchange.url.pathname, fix: `Use ${method}.` });
  }
  await answer();
}
