import { chmod, lstat, mkdir, unlink } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import { dirname } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import { SpecloopError } from "../foundation/errors.ts";
import type { HealthCheck } from "../foundation/health.ts";
import type { EventBus } from "../foundation/events.ts";
import type { Logger } from "../foundation/logger.ts";
import type { Principal } from "../foundation/principal.ts";
import type { Service } from "../foundation/service.ts";
import type { Caller } from "./call.ts";
import { Control, ControlConnection } from "./control.ts";
import type { Hello } from "./control-protocol.ts";
import { agentOf, type DoorGate, NOBODY } from "./door-gate.ts";
import { hangUp } from "./hang-up.ts";
import { readHello, refuseHello } from "./hello.ts";
import type { KnownAgent, Mcp } from "./mcp.ts";
import { SocketTransport } from "./socket-transport.ts";

/** How long calls that are under way may take when the daemon stops. */
const DRAIN_MS = 3000;

export interface SocketDoorOptions {
  /** Path of the socket, at most 100 bytes; its folder is `access`'s matter (0700) unless the person chose it. */
  path: string;
  caller: Caller;
  mcp: Mcp;
  /** What `status` answers. */
  status(): object;
  /** Called when a person asks the daemon to stop. */
  onStop(): void;
  /** What `health` runs. */
  health?: readonly HealthCheck[];
  /** Knows agents by their tokens; nobody has one without it. */
  gate?: DoorGate;
  /** Where revocations are told of. */
  events?: EventBus;
  logger: Logger;
}

/**
 * The unix socket: MCP for the shim, control for the CLI. Only the user whose daemon it is can open it (0600).
 * Start it only while holding the daemon's lock: a socket file that a dead daemon left is removed.
 */
export class SocketDoor implements Service {
  readonly name = "socket";
  readonly #options: SocketDoorOptions;
  readonly #control: Control;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #connections = new Set<Connection>();
  readonly #listeners = new DisposableStack();

  constructor(options: SocketDoorOptions) {
    this.#options = options;
    this.#control = new Control({
      caller: options.caller,
      health: options.health ?? [],
      status: () => options.status(),
      onStop: () => options.onStop(),
    });
    // A client may stop writing and still wait for answers.
    this.#server = createServer({ allowHalfOpen: true }, (socket) => void this.#welcome(socket));
  }

  async start(signal: AbortSignal): Promise<void> {
    const { path } = this.#options;
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await removeStale(path);
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once("error", reject);
    // The file is made inside this call, so nobody else sees it with other permissions, whatever its folder allows.
    const umask = process.umask(0o177);
    this.#server.listen(path, resolve);
    process.umask(umask);
    await promise;
    await chmod(path, 0o600);
    this.#server.off("error", reject);
    this.#server.on("error", (error) => this.#options.logger.error({ err: error }, "the socket failed"));
    const { events } = this.#options;
    if (events) this.#listeners.use(events.on("agent.revoked", ({ agent }) => this.#endAgent(agent)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listeners.dispose();
    if (!this.#server.listening) return;
    const closed = new Promise((resolve) => this.#server.close(resolve));
    const drained = Promise.allSettled([...this.#connections].map((connection) => connection.drain()));
    await Promise.race([drained, wait(DRAIN_MS, undefined, { ref: false })]);
    for (const socket of this.#sockets) hangUp(socket);
    await closed;
  }

  async #welcome(socket: Socket): Promise<void> {
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    // Without a listener an error of one client would end the daemon; the closing that follows is what matters.
    socket.on("error", (error) => this.#options.logger.debug({ err: error }, "a client's connection broke"));
    try {
      this.#serve(socket, await readHello(socket));
    } catch (error) {
      this.#options.logger.warn({ err: error }, "a client was refused");
      this.#options.gate?.turnedAway(error, NOBODY, "socket");
      hangUp(socket);
    }
  }

  /** From now on its token opens nothing, and what it has open is closed. */
  #endAgent(name: string): void {
    for (const { agent, socket } of this.#connections) if (agent?.name === name) socket.destroy();
  }

  #serve(socket: Socket, hello: Hello): void {
    const agent = hello.token === undefined ? undefined : this.#identify(socket, hello.token);
    const connection =
      hello.kind === "control" ? this.#serveControl(socket, hello, agent) : this.#serveMcp(socket, hello, agent);
    this.#connections.add(connection);
    socket.once("close", () => this.#connections.delete(connection));
  }

  #identify(socket: Socket, token: string): KnownAgent {
    try {
      return agentOf(this.#options.gate, token);
    } catch (error) {
      refuseHello(socket, error);
      throw error;
    }
  }

  #serveControl(
    socket: Socket,
    { principal: said, worktree }: Hello & { kind: "control" },
    agent: KnownAgent | undefined,
  ): Connection {
    const principal: Principal = agent ? { kind: "agent", name: agent.name } : said;
    const connection = new ControlConnection(socket, this.#control, { principal, agent: agent?.id, worktree });
    connection.start();
    return { socket, agent, drain: () => connection.drain() };
  }

  #serveMcp(
    socket: Socket,
    { client, session, toolset, worktree }: Hello & { kind: "mcp" },
    agent: KnownAgent | undefined,
  ): Connection {
    const { logger, mcp } = this.#options;
    const from = {
      ...(client && { client }),
      ...(session && { session }),
      ...(toolset && { toolset }),
      ...(worktree && { worktree }),
      ...(agent && { agent }),
    };
    const transport = new SocketTransport(socket);
    const onerror = (error: Error) => logger.debug({ err: error }, "an MCP client sent something wrong");
    const handle = serveStdio(mcp.connectionFactory(from), { transport, onerror });
    return { socket, agent, drain: () => transport.idle().then(() => handle.close()) };
  }
}

/** A client that can be let finish. */
interface Connection {
  socket: Socket;
  agent: KnownAgent | undefined;
  /** Resolves when what it asked has been answered. */
  drain(): Promise<void>;
}

async function removeStale(path: string): Promise<void> {
  const stat = await lstat(path).catch(() => null);
  if (!stat) return;
  if (!stat.isSocket()) {
    throw new SpecloopError("daemon_start_failed", `${path} is there and is not a socket.`, {
      target: path,
      fix: "Move that file away, or set WORKFLOW_ORCHESTRATOR_SOCKET to another path.",
    });
  }
  if (await somebodyListens(path)) {
    throw new SpecloopError("daemon_running", `Another process listens on ${path}.`, { target: path });
  }
  await unlink(path);
}

function somebodyListens(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => resolve(true));
    socket.once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}
