import { type DownstreamTarget, type DownstreamTool, inputProblem } from "../adapters/mcp-client/index.ts";
import type { Clock } from "../foundation/clock.ts";
import { SpecloopError } from "../foundation/errors.ts";
import type { EventMap, Emitter } from "../foundation/events.ts";
import type { Logger } from "../foundation/logger.ts";
import type { ServerApproval, ServerApprovals } from "./approvals.ts";
import { Breaker } from "./breaker.ts";
import { Connection, type Open, until } from "./connection.ts";
import { environmentOf, expanded, type Launch, launchHash, launchOf, type LaunchPlace } from "./launch.ts";
import type { ServerOptions } from "./options.ts";
import { boundedResult, failureWords } from "./result.ts";
import { Slots } from "./slots.ts";
import { type Known, standingOf, standingsOf, type ToolStanding } from "./standings.ts";

export type ServerState = EventMap["server.state_changed"]["state"];

export interface ServerParts {
  name: string;
  /** As they are now. */
  options(): ServerOptions;
  place: LaunchPlace;
  approvals: ServerApprovals;
  events: Emitter;
  clock: Clock;
  logger: Logger;
}

interface Limit {
  /** Milliseconds; the server's own when absent or longer. */
  timeoutMs?: number | undefined;
  signal: AbortSignal;
}

/** How a call may end beside its answer. */
interface Ending {
  name: string;
  limitMs: number;
  isCancelled: () => boolean;
  isLate: () => boolean;
}

/** Failures that say something of the server, not of one call. */
const OF_THE_SERVER = new Set(["tool_timeout", "tool_unavailable"]);

/** One downstream server: what may run, what runs, what of it may be called. */
export class DownstreamServer {
  readonly name: string;
  readonly #parts: ServerParts;
  readonly #breaker: Breaker;
  readonly #slots: Slots;
  readonly #connection: Connection;
  /** What it offered when it was last looked at; null before. */
  #listed: Map<string, DownstreamTool> | null = null;
  #starting = false;
  #told: { state: ServerState; reason: string } | null = null;
  readonly #toldTools = new Map<string, string>();

  constructor(parts: ServerParts) {
    this.name = parts.name;
    this.#parts = parts;
    this.#breaker = new Breaker(parts.clock);
    this.#slots = new Slots(parts.name);
    this.#connection = new Connection({
      server: parts.name,
      logger: parts.logger,
      onTools: (tools) => this.#takeList(tools),
      onLost: (reason) => this.#failed(reason),
      isBusy: () => this.#slots.busy > 0,
    });
  }

  get options(): ServerOptions {
    return this.#parts.options();
  }

  /** What would run now. Throws `bad_config`, `tool_unavailable`. */
  launch(): { launch: Launch; hash: string } {
    const launch = launchOf(this.name, this.options, this.#parts.place);
    return { launch, hash: launchHash(launch) };
  }

  approval(): ServerApproval | null {
    return this.#parts.approvals.of(this.name);
  }

  /** What it offered when it was last looked at. */
  get listed(): Map<string, DownstreamTool> | null {
    return this.#listed;
  }

  /** Process group of what runs; null when nothing does or it is not ours. */
  get running(): { pid: number | null; protocol: string; says: string } | null {
    const open = this.#connection.current;
    return open && { pid: open.downstream.pid, protocol: open.downstream.protocol, says: open.downstream.says };
  }

  /** Its state with the reason in words. */
  state(): { state: ServerState; reason: string } {
    try {
      const approval = this.approval();
      const { hash } = this.launch();
      if (!approval) return { state: "unapproved", reason: "nobody approved what it runs" };
      if (approval.launch !== hash)
        return { state: "unapproved", reason: "what it runs changed since it was approved" };
      if (approval.toolsOf !== hash) return { state: "unapproved", reason: "its tools were not approved yet" };
    } catch (error) {
      return { state: "failing", reason: error instanceof Error ? error.message : String(error) };
    }
    const { reason } = this.#breaker;
    if (reason !== null) return { state: "failing", reason };
    if (this.#starting) return { state: "starting", reason: "it is starting" };
    return this.#connection.current
      ? { state: "ready", reason: "it runs" }
      : { state: "off", reason: "it is started when it is needed" };
  }

  /** Every tool that was approved or is offered, with how it stands. */
  standings(): ToolStanding[] {
    return standingsOf(this.#known());
  }

  /** The definitions that were approved and hold as far as is known; empty unless the server may run. */
  usable(): DownstreamTool[] {
    const { state } = this.state();
    if (state === "unapproved" || state === "failing") return [];
    return this.standings().flatMap(({ standing, approved }) =>
      standing === "approved" && approved ? [approved] : [],
    );
  }

  /**
   * Starts it if need be and reads its tools; none of them can be called before a person approved it. Throws
   * `tool_unapproved` while nobody approved the launch, and what a start throws.
   */
  async look(signal: AbortSignal): Promise<Open> {
    const open = await this.#start(signal);
    this.tell();
    return open;
  }

  /** Calls an approved tool. Rejects as `ToolServers.call` says. */
  async call(
    name: string,
    input: Record<string, unknown>,
    { timeoutMs = Infinity, signal }: Limit,
  ): Promise<{ text: string; structured: Record<string, unknown> | null }> {
    const { options } = this;
    const limitMs = Math.min(timeoutMs, options.timeoutMs);
    const over = AbortSignal.timeout(Math.max(1, Math.ceil(limitMs)));
    const both = AbortSignal.any([signal, over]);
    const until = this.#parts.clock.monotonic() + limitMs;
    const { state, reason } = this.state();
    if (state === "unapproved") throw this.#error("tool_unapproved", name, `cannot be called: ${reason}`);
    this.#checkApproved(name);
    this.#breaker.admit(this.name);
    const ending = { name, limitMs, isCancelled: () => signal.aborted, isLate: () => over.aborted };
    try {
      using _slot = await this.#turn(both, ending);
      const open = await this.#start(both).catch((thrown: unknown) => {
        throw this.#ended(thrown, { ...ending, counts: true });
      });
      return await this.#callOpen(open, { name, input, signal: both, until }).catch((thrown: unknown) => {
        // The end of its process is counted once, however many calls were under way.
        throw this.#ended(thrown, { ...ending, counts: this.#connection.current === open });
      });
    } finally {
      // Most calls find everything as it was; to look costs more than they do.
      if (this.#told?.state !== "ready" || !this.#connection.current) this.tell();
    }
  }

  /** Tells of the state and of tools that changed, when they are others than before. */
  tell(): void {
    const now = this.state();
    if (now.state !== this.#told?.state) {
      this.#told = now;
      this.#parts.events.emit("server.state_changed", { server: this.name, ...now });
    }
    for (const { tool, standing } of this.standings()) {
      if (this.#toldTools.get(tool.name) !== standing && standing === "changed")
        this.#parts.events.emit("server.tool_changed", { server: this.name, tool: tool.name });
      this.#toldTools.set(tool.name, standing);
    }
  }

  /** Ends what runs and forgets what it failed; a later call starts it anew. */
  async stop(): Promise<void> {
    this.#breaker.succeeded();
    await this.#connection.stop();
  }

  #turn(signal: AbortSignal, ending: Ending): Promise<Disposable> {
    return this.#slots.take(this.options.concurrency, signal).catch((thrown: unknown) => {
      throw this.#ended(thrown, { ...ending, counts: false });
    });
  }

  async #callOpen(
    { downstream }: Open,
    {
      name,
      input,
      signal,
      until: deadline,
    }: { name: string; input: Record<string, unknown>; signal: AbortSignal; until: number },
  ): Promise<{ text: string; structured: Record<string, unknown> | null }> {
    const tool = this.#checkApproved(name);
    const problem = inputProblem(tool.inputSchema, input);
    if (problem !== null) throw this.#error("bad_input", name, `does not take this input: ${problem}`);
    const timeoutMs = Math.max(1, deadline - this.#parts.clock.monotonic());
    // The SDK keeps its own time; whatever it does, ours ends the waiting.
    const result = await until(downstream.call(tool, input, { timeoutMs, signal }), signal);
    this.#breaker.succeeded();
    if (result.isError) throw this.#error("tool_failed", name, `says: ${failureWords(result.text)}`);
    return boundedResult(result, this.options.maxResultCharacters);
  }

  async #start(signal: AbortSignal): Promise<Open> {
    const { launch, hash } = this.launch();
    if (this.approval()?.launch !== hash) {
      throw this.#error("tool_unapproved", "", "was not approved by a person as it would run now");
    }
    const { startTimeoutMs, idleMs } = this.options;
    const target = this.#target(launch);
    this.#starting = !this.#connection.current;
    if (this.#starting) this.tell();
    try {
      return await until(this.#connection.get({ hash, target, startTimeoutMs, idleMs }), signal);
    } finally {
      this.#starting = false;
    }
  }

  #target(launch: Launch): DownstreamTarget {
    const { place } = this.#parts;
    if (launch.kind === "socket") return launch;
    if (launch.kind === "http") return { ...launch, headers: expanded(this.name, launch.headers, place.env) };
    const { command, args, cwd } = launch;
    return { kind: "stdio", command, args, cwd, env: environmentOf(this.name, launch.env, place) };
  }

  /** The approved definition. What is offered now has to be the same, once it is known what is. */
  #checkApproved(name: string): DownstreamTool {
    const { standing, approved } = standingOf(name, this.#known());
    if (approved && standing === "approved") return approved;
    if (standing === "changed") throw this.#error("tool_changed", name, "is not the tool that was approved any more");
    if (standing === "gone" && approved)
      throw this.#error("tool_unavailable", name, "is not offered by its server any more");
    if (standing === "gone") throw this.#error("unknown_tool", name, "is no tool of this server");
    throw this.#error("tool_unapproved", name, "was not approved by a person");
  }

  #known(): Known {
    return { use: this.options.tools, approved: this.approval()?.tools ?? {}, listed: this.#listed };
  }

  #takeList(tools: Map<string, DownstreamTool>): void {
    this.#listed = tools;
    this.tell();
  }

  /** What went wrong, counted where it says something of the server. */
  #ended(thrown: unknown, { name, limitMs, isCancelled, isLate, counts }: Ending & { counts: boolean }): SpecloopError {
    if (isCancelled()) {
      this.#breaker.undecided();
      return new SpecloopError("cancelled", `The call of ${this.name}.${name} was cancelled.`, { cause: thrown });
    }
    const error = isLate() ? this.#late(thrown, name, limitMs) : this.#named(thrown, name);
    if (counts && OF_THE_SERVER.has(error.code)) this.#failed(error.message);
    else this.#breaker.undecided();
    return error;
  }

  #late(thrown: unknown, name: string, limitMs: number): SpecloopError {
    return this.#error("tool_timeout", name, `did not answer within ${Math.round(limitMs)} ms`, thrown);
  }

  #named(thrown: unknown, name: string): SpecloopError {
    return thrown instanceof SpecloopError
      ? thrown
      : this.#error("tool_unavailable", name, `failed: ${String(thrown)}`, thrown);
  }

  /** A server that hangs is ended, so that the next try begins with a fresh one. */
  #failed(reason: string): void {
    if (this.#breaker.failed(reason)) void this.#connection.stop();
    this.tell();
  }

  #error(code: SpecloopError["code"], tool: string, what: string, cause?: unknown): SpecloopError {
    const target = tool === "" ? this.name : `${this.name}.${tool}`;
    const fix =
      code === "tool_unapproved" || code === "tool_changed"
        ? {
            fix: `A person looks with \`specloop server show ${this.name}\` and decides with \`specloop server approve ${this.name}\`.`,
          }
        : {};
    return new SpecloopError(code, `${target} ${what}.`, { target, ...fix, cause });
  }
}
