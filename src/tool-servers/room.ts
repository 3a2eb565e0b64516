import type { Clock } from "../foundation/clock.ts";
import { SpecloopError, toSpecloopError } from "../foundation/errors.ts";
import type { Emitter } from "../foundation/events.ts";
import type { HealthCheck } from "../foundation/health.ts";
import type { Logger } from "../foundation/logger.ts";
import type { Live } from "../foundation/options.ts";
import type { Principal } from "../foundation/principal.ts";
import type { Service } from "../foundation/service.ts";
import { ServerApprovals } from "./approvals.ts";
import { type ServersOptions, SERVER_NAME } from "./options.ts";
import { pinOf } from "./pins.ts";
import type { ServerTool, ToolCall, ToolResult, ToolServers } from "./port.ts";
import { DownstreamServer } from "./server.ts";

export interface ToolServersDependencies {
  /** Top of the worktree that is served. */
  repository: string;
  env: Record<string, string | undefined>;
  options: Live<ServersOptions>;
  /** Throws `forbidden` unless the principal may call this tool; `open` where a person opened it for every agent. */
  rights: { checkRight(principal: Principal, right: { name: string; open: boolean }): void };
  events: Emitter;
  clock: Clock;
  logger: Logger;
}

/** A tool that may answer questions, as `AnsweringTool` of the question router. */
interface Answering {
  id: string;
  capabilities: string[];
  argument: string;
  priority: number;
}

/** Who asks for an answer to a question: the person who approved the server approved which tools answer, too. */
const ANSWERS: Principal = { kind: "system", name: "question-router" };

/** Runs the downstream MCP servers that a person approved, and nothing else of them. */
export class DownstreamServers implements Service, ToolServers {
  readonly name = "tool-servers";
  readonly #deps: ToolServersDependencies;
  readonly #approvals: ServerApprovals;
  readonly #servers = new Map<string, DownstreamServer>();
  #closing = false;

  constructor(dependencies: ToolServersDependencies) {
    this.#deps = dependencies;
    this.#approvals = new ServerApprovals(dependencies);
  }

  /** Nothing runs before it is needed. */
  async start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    for (const server of this.servers()) server.tell();
  }

  get approvals(): ServerApprovals {
    return this.#approvals;
  }

  get repository(): string {
    return this.#deps.repository;
  }

  get clock(): Clock {
    return this.#deps.clock;
  }

  get events(): Emitter {
    return this.#deps.events;
  }

  /** Every configured server, by name; those that left the configuration are stopped. */
  servers(): DownstreamServer[] {
    const { current } = this.#deps.options;
    for (const [name, server] of this.#servers) {
      if (Object.hasOwn(current, name)) continue;
      this.#servers.delete(name);
      void server.stop();
    }
    const names = Object.keys(current)
      .filter((name) => SERVER_NAME.test(name))
      .sort();
    return names.map((name) => this.#servers.get(name) ?? this.#add(name));
  }

  /** Throws `unknown_server` with the names that there are. */
  server(name: string): DownstreamServer {
    const all = this.servers();
    const found = all.find((server) => server.name === name);
    if (found) return found;
    const fix = `There are: ${all.map((server) => server.name).join(", ") || "none; `servers` in specloop.yaml names them"}.`;
    throw new SpecloopError("unknown_server", `No server is called "${name.slice(0, 100)}".`, { target: name, fix });
  }

  tools(): ServerTool[] {
    return this.servers().flatMap((server) => {
      return server.usable().map((tool) => ({
        id: `${server.name}.${tool.name}`,
        server: server.name,
        name: tool.name,
        title: tool.title,
        description: tool.description,
        inputSchema: tool.inputSchema,
        outputSchema: tool.outputSchema,
        readOnly: tool.annotations["readOnlyHint"] === true,
        destructive: tool.annotations["readOnlyHint"] !== true && tool.annotations["destructiveHint"] !== false,
        pin: pinOf(tool),
      }));
    });
  }

  async call({ id, input, principal, timeoutMs, signal }: ToolCall): Promise<ToolResult> {
    const { clock, events } = this.#deps;
    const { server, tool } = this.#named(id);
    const started = clock.monotonic();
    const ms = () => clock.monotonic() - started;
    const told = { server: server.name, tool, principal };
    try {
      if (this.#closing) throw new SpecloopError("daemon_stopping", "The daemon is stopping.");
      // Without an approval there is nothing to have a right to; the call says so.
      if (server.approval()) this.checkRight(principal, id);
      const result = await server.call(tool, input, { timeoutMs, signal });
      events.emit("server.tool_called", { ...told, ok: true, ms: ms() });
      return { ...result, ms: ms(), server: server.name };
    } catch (thrown) {
      const error = toSpecloopError(thrown);
      events.emit("server.tool_called", { ...told, ok: false, code: error.code, ms: ms() });
      throw error;
    }
  }

  /** Throws `forbidden` unless this principal may call this tool. */
  checkRight(principal: Principal, id: string): void {
    const { server } = this.#named(id);
    const open = server.approval()?.agents === "all";
    const right = `tool_call:${id.replaceAll("/", ":")}`;
    try {
      this.#deps.rights.checkRight(principal, { name: right, open });
    } catch (error) {
      if (!(error instanceof SpecloopError) || error.code !== "forbidden") throw error;
      const fix = `Ask the person: \`specloop server approve ${server.name} --agents all\` opens it to every local agent, ${right} in \`specloop agent add\` to one.`;
      throw new SpecloopError("forbidden", error.message, { target: right, fix });
    }
  }

  /** The tools that may answer questions now. */
  answering(): Answering[] {
    return this.servers().flatMap((server) => {
      const { answers } = server.options;
      if (answers.length === 0) return [];
      const usable = new Set(server.usable().map(({ name }) => name));
      return answers
        .filter(({ tool }) => usable.has(tool))
        .map(({ tool, ...rest }) => ({ id: `${server.name}.${tool}`, ...rest }));
    });
  }

  /** The tool's text for a question. */
  async ask(
    { id, argument }: Answering,
    question: string,
    { principal = ANSWERS, signal, timeoutMs }: { principal?: Principal; signal: AbortSignal; timeoutMs?: number },
  ): Promise<{ text: string }> {
    const limit = timeoutMs === undefined ? {} : { timeoutMs };
    const { text } = await this.call({ id, input: { [argument]: question }, principal, signal, ...limit });
    return { text };
  }

  healthChecks(): HealthCheck[] {
    return [
      {
        name: "servers",
        summary: "Downstream MCP servers that a person approved can be called.",
        run: async () => {
          const states = this.servers().map((server) => ({ name: server.name, ...server.state() }));
          if (states.length === 0) return { status: "ok", message: "no downstream server is configured" };
          const message = states.map(({ name, state, reason }) => `${name}: ${state} (${reason})`).join("; ");
          const off = states.find(({ state }) => state === "failing" || state === "unapproved");
          if (!off) return { status: "ok", message };
          return { status: "warning", message, fix: `Look at it: \`specloop server show ${off.name}\`.` };
        },
      },
    ];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing = true;
    await Promise.all([...this.#servers.values()].map((server) => server.stop()));
  }

  #add(name: string): DownstreamServer {
    const { options, repository, env, events, clock, logger } = this.#deps;
    let last = options.current[name]!;
    const server = new DownstreamServer({
      name,
      // Calls that are under way when it leaves the configuration end by what they began with.
      options: () => (last = options.current[name] ?? last),
      place: { repository, env },
      approvals: this.#approvals,
      events,
      clock,
      logger,
    });
    this.#servers.set(name, server);
    return server;
  }

  /** `server.tool`: names of servers hold no dot, names of tools may. */
  #named(id: string): { server: DownstreamServer; tool: string } {
    const dot = id.indexOf(".");
    const server = this.servers().find(({ name }) => name === id.slice(0, Math.max(0, dot)));
    if (dot > 0 && server) return { server, tool: id.slice(dot + 1) };
    throw new SpecloopError("unknown_tool", `No downstream tool is called "${id.slice(0, 200)}".`, {
      target: id.slice(0, 200),
      fix: "Call tool_find for the tools that there are.",
    });
  }
}
