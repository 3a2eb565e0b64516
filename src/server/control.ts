import type { Socket } from "node:net";
import { SpecloopError, toSpecloopError } from "../foundation/errors.ts";
import type { HealthCheck } from "../foundation/health.ts";
import type { Principal } from "../foundation/principal.ts";
import type { Caller } from "./call.ts";
import { callParamsSchema, type ControlRequest, requestSchema } from "./control-protocol.ts";
import { type ControlResponse, toWireError } from "./wire-error.ts";
import { runHealthChecks } from "./health.ts";
import { hangUp } from "./hang-up.ts";
import { LineReader } from "../foundation/lines.ts";
import { MAX_MESSAGE_BYTES } from "./socket-transport.ts";
import { listTools, type ToolListing } from "./tool-listing.ts";

/** Calls that one client may have under way. */
const MAX_IN_FLIGHT = 1024;

export interface ControlServices {
  caller: Caller;
  status(): object;
  health: readonly HealthCheck[];
  /** Asks the daemon to stop; returns at once. */
  onStop(): void;
}

/** What a control client said of itself in its hello. */
interface ControlCaller {
  principal: Principal;
  /** The registered agent whose token came along; it may call tools, and nothing else. */
  agent: string | undefined;
  /** Top of the worktree that it works in; the served one when undefined. */
  worktree: string | undefined;
}

/** What control clients may ask, for all of them. */
export class Control {
  readonly #services: ControlServices;
  readonly #tools: ToolListing[];

  constructor(services: ControlServices) {
    this.#services = services;
    this.#tools = listTools(services.caller.tools);
  }

  async answer(request: ControlRequest, from: ControlCaller, signal: AbortSignal): Promise<unknown> {
    const { principal, agent } = from;
    if (agent !== undefined && request.method !== "call") {
      throw new SpecloopError("forbidden", `${principal.name} may call tools, not ask for ${request.method}.`);
    }
    switch (request.method) {
      case "call":
        return this.#call(request.params, from, signal);
      case "tools":
        return this.#tools;
      case "status":
        return this.#services.status();
      case "health":
        return runHealthChecks(this.#services.health);
      case "stop":
        if (principal.kind !== "person") throw new SpecloopError("forbidden", "Only a person may stop the daemon.");
        return { stopping: true };
      default:
        throw new SpecloopError("bad_input", "There is no such method.", { target: request.method satisfies never });
    }
  }

  /** After the answer is on its way, so that the client gets it before the socket closes. */
  afterAnswer(request: ControlRequest): void {
    if (request.method === "stop") this.#services.onStop();
  }

  #call(params: unknown, { principal, agent, worktree }: ControlCaller, signal: AbortSignal): Promise<unknown> {
    const parsed = callParamsSchema.safeParse(params);
    if (!parsed.success) throw new SpecloopError("bad_input", "A call needs a name.", { target: "params" });
    const { name, input, idempotencyKey } = parsed.data;
    const key = idempotencyKey === undefined ? {} : { idempotencyKey };
    const place = { ...(worktree !== undefined && { worktree }), ...(agent !== undefined && { agent }) };
    return this.#services.caller.call(name, input, { principal, signal, ...key, ...place });
  }
}

/**
 * One control client: newline-delimited `{id, method, params}` in, `{id, result}` or `{id, error}` out. Its calls are
 * aborted when it stops writing or its socket closes.
 */
export class ControlConnection {
  readonly #socket: Socket;
  readonly #control: Control;
  readonly #from: ControlCaller;
  readonly #lines = new LineReader(MAX_MESSAGE_BYTES);
  readonly #gone = new AbortController();
  readonly #running = new Set<Promise<void>>();

  constructor(socket: Socket, control: Control, from: ControlCaller) {
    this.#socket = socket;
    this.#control = control;
    this.#from = from;
  }

  start(): void {
    this.#socket.on("data", (chunk: Buffer) => this.#read(chunk));
    this.#socket.once("end", () => this.#leave());
    this.#socket.resume();
    this.#socket.once("close", () => this.#leave());
  }

  /** Resolves when every call that is under way has been answered. */
  async drain(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled(this.#running);
  }

  /** On a socket that may be half open, a client that is gone and one that only stopped writing look the same. */
  #leave(): void {
    this.#gone.abort(new SpecloopError("cancelled", "The caller went away."));
    if (!this.#socket.destroyed) hangUp(this.#socket);
  }

  #read(chunk: Buffer): void {
    if (this.#gone.signal.aborted) return;
    try {
      for (const line of this.#lines.push(chunk)) if (line.trim() !== "") this.#take(line);
    } catch (cause) {
      const message = `A request may have ${MAX_MESSAGE_BYTES} bytes.`;
      this.#write({ id: null, error: toWireError(new SpecloopError("payload_too_large", message, { cause })) });
      this.#leave();
    }
  }

  #take(line: string): void {
    const request = parseRequest(line);
    if (request instanceof SpecloopError) {
      this.#write({ id: null, error: toWireError(request) });
      return;
    }
    const work = this.#answer(request).finally(() => this.#running.delete(work));
    this.#running.add(work);
  }

  async #answer(request: ControlRequest): Promise<void> {
    try {
      if (this.#running.size >= MAX_IN_FLIGHT) {
        throw new SpecloopError("too_many_clients", `A client may have ${MAX_IN_FLIGHT} calls under way.`);
      }
      const result = await this.#control.answer(request, this.#from, this.#gone.signal);
      this.#write({ id: request.id, result });
      this.#control.afterAnswer(request);
    } catch (error) {
      this.#write({ id: request.id, error: toWireError(toSpecloopError(error)) });
    }
  }

  #write(response: ControlResponse): void {
    if (this.#socket.writable) this.#socket.write(`${JSON.stringify(response)}\n`);
  }
}

function parseRequest(line: string): ControlRequest | SpecloopError {
  try {
    const parsed = requestSchema.safeParse(JSON.parse(line));
    if (parsed.success) return parsed.data;
    return new SpecloopError(
      "bad_input",
      "A request is {id, method, params} with a method of call, tools, status, health, stop.",
    );
  } catch (cause) {
    return new SpecloopError("bad_input", "A request is one line of JSON.", { cause });
  }
}
