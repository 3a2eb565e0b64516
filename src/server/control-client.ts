import { connect, type Socket } from "node:net";
import { once } from "node:events";
import { SpecloopError } from "../foundation/errors.ts";
import type { Principal } from "../foundation/principal.ts";
import { hasOwnSocket } from "../foundation/rendezvous.ts";
import type { CallResult } from "./call.ts";
import type { ControlRequest, Hello } from "./control-protocol.ts";
import { type ControlResponse, fromWireError } from "./wire-error.ts";
import type { HealthReport } from "./health.ts";
import { LineReader } from "../foundation/lines.ts";
import type { ToolListing } from "./tool-listing.ts";

/** Longest answer that is taken; the daemon's own limit for messages is lower. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

/** A connection to the running daemon. Any number of calls may be under way; closing it cancels them. */
export interface ControlClient extends AsyncDisposable {
  /** Throws what the tool threw, with code, target, fix and details; `daemon_not_running` when the daemon goes away. */
  call(name: string, input: unknown, options?: { idempotencyKey?: string }): Promise<CallResult>;
  /** Every tool, the full toolset and those for persons included. */
  tools(): Promise<ToolListing[]>;
  status(): Promise<Record<string, unknown>>;
  health(): Promise<HealthReport[]>;
  /** Asks the daemon to stop; resolves when it has agreed, not when it has stopped. */
  stop(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Connects to the daemon's socket; `daemon_not_running` when nobody listens there, `daemon_start_failed` when something
 * else than a socket of this user is there. `worktree`: the one whose paths this client names; the served one when absent.
 * `token`: of the registered agent that this client is.
 */
export async function connectControl(
  socketPath: string,
  principal: Principal,
  { worktree, token }: { worktree?: string | undefined; token?: string | undefined } = {},
): Promise<ControlClient> {
  const nobody = (cause?: unknown) =>
    new SpecloopError("daemon_not_running", `Nobody listens on ${socketPath}.`, { target: socketPath, cause });
  if (!hasOwnSocket(socketPath)) throw nobody();
  const socket = connect(socketPath);
  try {
    await once(socket, "connect");
  } catch (cause) {
    throw nobody(cause);
  }
  const hello: Hello = {
    kind: "control",
    principal,
    ...(worktree !== undefined && { worktree }),
    ...(token !== undefined && { token }),
  };
  socket.write(`${JSON.stringify(hello)}\n`);
  return new SocketControlClient(socket);
}

interface Waiting {
  resolve: (result: unknown) => void;
  reject: (error: unknown) => void;
}

class SocketControlClient implements ControlClient {
  readonly #socket: Socket;
  readonly #lines = new LineReader(MAX_ANSWER_BYTES);
  readonly #waiting = new Map<string | number, Waiting>();
  #next = 1;
  /** Why no further call is possible. */
  #broken: SpecloopError | null = null;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
    socket.on("error", (cause) => this.#fail(gone(cause)));
    socket.on("close", () => this.#fail(gone()));
  }

  async call(name: string, input: unknown, options: { idempotencyKey?: string } = {}): Promise<CallResult> {
    return (await this.#request("call", { name, input, ...options })) as CallResult;
  }

  async tools(): Promise<ToolListing[]> {
    return (await this.#request("tools")) as ToolListing[];
  }

  async status(): Promise<Record<string, unknown>> {
    return (await this.#request("status")) as Record<string, unknown>;
  }

  async health(): Promise<HealthReport[]> {
    return (await this.#request("health")) as HealthReport[];
  }

  async stop(): Promise<void> {
    await this.#request("stop");
  }

  async close(): Promise<void> {
    if (this.#socket.closed) return;
    const closed = once(this.#socket, "close");
    this.#socket.destroy();
    await closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #request(method: ControlRequest["method"], params?: unknown): Promise<unknown> {
    if (this.#broken) return Promise.reject(this.#broken);
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const id = this.#next++;
    this.#waiting.set(id, { resolve, reject });
    this.#socket.write(`${JSON.stringify({ id, method, params })}\n`);
    return promise;
  }

  #read(chunk: Buffer): void {
    try {
      for (const line of this.#lines.push(chunk)) this.#take(JSON.parse(line) as ControlResponse);
    } catch (cause) {
      this.#fail(new SpecloopError("internal", "The daemon sent something that is not an answer.", { cause }));
      this.#socket.destroy();
    }
  }

  #take(response: ControlResponse): void {
    if (response.id === null) {
      // The daemon refused a line as a whole, or the connection (then in JSON-RPC's shape).
      if ("error" in response) this.#fail(fromWireError(response.error.data ?? response.error));
      return;
    }
    const waiting = this.#waiting.get(response.id);
    this.#waiting.delete(response.id);
    if ("error" in response) waiting?.reject(fromWireError(response.error));
    else waiting?.resolve(response.result);
  }

  #fail(error: SpecloopError): void {
    this.#broken ??= error;
    for (const { reject } of this.#waiting.values()) reject(this.#broken);
    this.#waiting.clear();
  }
}

function gone(cause?: unknown): SpecloopError {
  return new SpecloopError("daemon_not_running", "The daemon went away.", cause === undefined ? {} : { cause });
}
