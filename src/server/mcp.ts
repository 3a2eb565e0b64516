import {
  type CallToolRequest,
  CLIENT_INFO_META_KEY,
  InMemoryServerEventBus,
  McpServer,
  type McpRequestContext,
  type McpServerFactory,
  type McpServerOptions,
  type ProtocolEra,
  type ServerCapabilities,
  type ServerContext,
  type ServerEventBus,
} from "@modelcontextprotocol/server";
import { z } from "zod";
import type { Gate, GatedCaller } from "../access/index.ts";
import { SpecloopError } from "../foundation/errors.ts";
import type { EventBus } from "../foundation/events.ts";
import type { Logger } from "../foundation/logger.ts";
import { clientName, type Principal } from "../foundation/principal.ts";
import type { FilledForm, Tool } from "../foundation/tool.ts";
import type { CallContext, Caller } from "./call.ts";
import { INSTRUCTIONS } from "./instructions.ts";
import { ClientForms, showsForms } from "./forms.ts";
import { openInstance } from "./live-instance.ts";
import { toErrorResult, toToolResult, wireTools, type WireTool } from "./tool-results.ts";
import { Notifier } from "./notifier.ts";
import { registerPrompts } from "./prompts.ts";
import { readBy, registerResources, type ResourceSource } from "./resources.ts";

/** What a client said about itself outside MCP: in the hello line or the address. */
export interface McpConnection {
  /** Its name in history and audit; the name that it gives in MCP when absent. */
  client?: string;
  /** Its own session, the scope of follow-up questions. */
  session?: string;
  toolset?: "default" | "full";
  /** Top of the worktree that it works in; the served one when absent. */
  worktree?: string;
  /** The registered agent whose token came along: its name counts, and no other. */
  agent?: KnownAgent;
}

export interface KnownAgent {
  id: string;
  name: string;
}

/** Further things on the same server: the conformance fixtures. The product hands in none. */
export interface ExtraSurface {
  capabilities: ServerCapabilities;
  options?: Pick<McpServerOptions, "requestState" | "cacheHints">;
  register(server: McpServer, context: McpRequestContext): void;
}

export interface McpOptions {
  tools: readonly Tool[];
  caller: Caller;
  resources: ResourceSource;
  events: EventBus;
  version: string;
  /** Signs the forms that clients are given: 32 characters and more, kept over restarts. */
  formKey?: string;
  /** Says which tools a client is shown; all that are not for people only without one. */
  gate?: Pick<Gate, "shows" | "turnedAway">;
  logger: Logger;
  extra?: ExtraSurface;
}

/** Lists and discovery stay the same while the daemon runs; only this client may keep them. */
const STABLE = { ttlMs: 300_000, cacheScope: "private" } as const;

const CAPABILITIES: ServerCapabilities = {
  tools: { listChanged: false },
  prompts: { listChanged: false },
  resources: { listChanged: true, subscribe: true },
  completions: {},
};

export function createMcp(options: McpOptions): Mcp {
  return new Mcp(options);
}

/**
 * Makes MCP servers from the table of tools: one for every connection, in both protocol eras, so that no answer and no
 * notification reaches another client. What is the same for all (JSON Schemas, listings) is made once.
 */
export class Mcp implements AsyncDisposable {
  /** Carries updates to 2026-era HTTP clients, which have no instance between their requests. */
  readonly bus: ServerEventBus;
  readonly #options: McpOptions;
  readonly #notifier: Notifier;
  readonly #forms: ClientForms;
  readonly #tools: Record<"default" | "full", WireTool[]>;

  constructor(options: McpOptions) {
    this.#options = options;
    this.bus = new InMemoryServerEventBus((error) => options.logger.warn({ err: error }, "a subscription failed"));
    this.#notifier = new Notifier(options.events, this.bus);
    this.#forms = new ClientForms(options.formKey, options.logger);
    const listed = wireTools(options.tools.filter((tool) => !tool.personOnly));
    this.#tools = { default: listed.filter(({ toolset }) => toolset === "default"), full: listed };
  }

  /** How many clients hold a connection or session open. */
  get connections(): number {
    return this.#notifier.live.length;
  }

  /** Servers for one connection that stays open; they are told of updates until they close. */
  connectionFactory(connection: McpConnection): McpServerFactory {
    return (context) => {
      const server = this.#create(connection, context);
      const { logger, events } = this.#options;
      openInstance(server, {
        era: context.era,
        notifier: this.#notifier,
        logger,
        principal: () => callerOf(connection, server).principal,
        onLeft: (principal) => events.emit("client.left", { principal }),
      });
      return server;
    };
  }

  /** Servers for single 2026-era HTTP exchanges, which are over with their answer. */
  exchangeFactory(connectionOf: (request: Request | undefined) => McpConnection): McpServerFactory {
    return (context) => this.#create(connectionOf(context.requestInfo), context);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#notifier[Symbol.dispose]();
    await Promise.allSettled(this.#notifier.live.map((instance) => instance.close()));
  }

  #create(connection: McpConnection, context: McpRequestContext): McpServer {
    const { version, resources, extra } = this.#options;
    const info = { name: "specloop", title: "specloop", version };
    const { tools, ...others } = CAPABILITIES;
    const server = new McpServer(info, {
      capabilities: { ...others, ...extra?.capabilities },
      instructions: INSTRUCTIONS,
      cacheHints: { "tools/list": STABLE, "prompts/list": STABLE, "server/discover": STABLE },
      requestState: this.#forms.requestState,
      ...extra?.options,
    });
    const shown = this.#shown(connection);
    this.#tellOfUnknown(server, new Set(shown.map(({ name }) => name)), connection);
    // Only now, because the SDK sets its handlers for tools as soon as it has this capability and a tool.
    server.server.registerCapabilities({ tools: { ...tools, ...extra?.capabilities.tools } });
    for (const tool of shown) this.#register(server, tool, { connection, era: context.era });
    if (shown.length === 0 && !extra) server.server.setRequestHandler("tools/list", () => ({ tools: [] }));
    const own = readBy(resources, () => callerOf(connection, server));
    registerResources(server, own);
    registerPrompts(server, own);
    extra?.register(server, context);
    return server;
  }

  /** The SDK answers calls of tools that it was not given by itself; who reaches for what is not shown is recorded. */
  #tellOfUnknown(server: McpServer, shown: ReadonlySet<string>, connection: McpConnection): void {
    const { server: protocol } = server;
    const { gate, extra } = this.#options;
    if (!gate || extra) return;
    type Handler = (request: CallToolRequest, context: ServerContext) => unknown;
    const set = protocol.setRequestHandler.bind(protocol) as (method: string, handler: Handler) => void;
    const watched = (method: string, handler: Handler): void =>
      set(method, (request, context) => {
        if (method === "tools/call" && !shown.has(request.params.name)) {
          const name = request.params.name.slice(0, 100);
          const error = new SpecloopError("unknown_tool", `${name} is not shown to this client.`, { target: name });
          gate.turnedAway(error, callerOf(connection, server, context).principal, name);
        }
        return handler(request, context);
      });
    protocol.setRequestHandler = watched as typeof protocol.setRequestHandler;
  }

  #shown({ toolset = "default", agent }: McpConnection): WireTool[] {
    const { gate } = this.#options;
    return this.#tools[toolset].filter((tool) => gate?.shows(agent?.id, tool) ?? true);
  }

  #register(server: McpServer, tool: WireTool, { connection, era }: Served): void {
    const { name, title, description, inputSchema, outputSchema, annotations } = tool;
    const { caller } = this.#options;
    const call = async (input: unknown, context: ServerContext) => {
      try {
        const { worktree } = connection;
        const filled = this.#forms.filled(context);
        const from: CallContext = {
          ...callerOf(connection, server, context),
          signal: context.mcpReq.signal,
          ...(worktree !== undefined && { worktree }),
          ...(filled ? { filled } : { forms: showsForms(era, server, context) }),
        };
        const result = await caller.call(name, input, from);
        if (!result.form) return toToolResult(result);
        if (era === "modern") return await this.#forms.ask(result.form);
        // What the person says counts, also when the call is over or was given up.
        const again = (filled: FilledForm) =>
          caller.call(name, input, { ...from, forms: false, filled, signal: new AbortController().signal });
        return toToolResult(await this.#forms.show(result.form, { context, result, again }));
      } catch (error) {
        return toErrorResult(error);
      }
    };
    server.registerTool(name, { title, description, inputSchema, outputSchema, annotations }, call);
  }
}

/** For whom a server was made. */
interface Served {
  connection: McpConnection;
  era: ProtocolEra;
}

const nameSchema = z.looseObject({ name: z.string() });

/** Who calls through MCP is always an agent: nothing that a client says about itself makes it a person. */
function callerOf({ agent, ...said }: McpConnection, server: McpServer, context?: ServerContext): GatedCaller {
  const principal = principalOf(agent ? { ...said, client: agent.name } : said, server, context);
  return agent ? { principal, agent: agent.id } : { principal };
}

function principalOf(connection: McpConnection, server: McpServer, context?: ServerContext): Principal {
  const envelope: Record<string, unknown> = context?.mcpReq.envelope ?? {};
  const inRequest = nameSchema.safeParse(envelope[CLIENT_INFO_META_KEY]).data?.name;
  const name = connection.client ?? inRequest ?? server.server.getClientVersion()?.name ?? "";
  const session = connection.session ?? context?.sessionId;
  const principal = { kind: "agent" as const, name: clientName(name) || "mcp-client" };
  return session === undefined ? principal : { ...principal, session: session.slice(0, 200) };
}
