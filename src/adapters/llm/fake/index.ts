import { createServer, type Server } from "node:http";
import type { Socket } from "node:net";
import { serveSocket } from "./socket.ts";
import { DEFAULT_MODELS, defaultReply, type FakeState } from "./state.ts";
import type { FakeLmStudio, FakeOptions } from "./types.ts";
import { trigramVector } from "./vectors.ts";
import { serveHttp } from "./web.ts";

export type { FakeContext, FakeFaults, FakeLmStudio, FakeModel, FakeOptions, FakeReply, FakeRequest } from "./types.ts";

/**
 * Starts a server that behaves as LM Studio does towards its own client and towards HTTP, with scripted answers and,
 * where wanted, faults: for tests, and for trying specloop out where no model runs. It listens on 127.0.0.1 alone.
 */
export async function startFakeLmStudio(options: FakeOptions = {}): Promise<FakeLmStudio> {
  const state: FakeState = {
    faults: options.faults ?? {},
    models: options.models ?? structuredClone(DEFAULT_MODELS),
    respond: options.respond ?? defaultReply,
    embed: options.embed ?? trigramVector,
    requests: [],
    token: options.token,
  };
  let doors = await listen(state, options.port ?? 0);
  const port = portOf(doors.server);
  return {
    url: `http://127.0.0.1:${port}`,
    wsUrl: `ws://127.0.0.1:${port}`,
    port,
    requests: state.requests,
    get faults() {
      return state.faults;
    },
    set faults(faults) {
      state.faults = faults;
    },
    get models() {
      return state.models;
    },
    set models(models) {
      state.models = models;
    },
    get respond() {
      return state.respond;
    },
    set respond(respond) {
      state.respond = respond;
    },
    get embed() {
      return state.embed;
    },
    set embed(embed) {
      state.embed = embed;
    },
    stop: () => close(doors),
    restart: async () => {
      await close(doors);
      doors = await listen(state, port);
    },
    [Symbol.asyncDispose]: () => close(doors),
  };
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the fake server does not listen");
  return address.port;
}

interface Doors {
  server: Server;
  /** Every connection, also those whose handshake was left unanswered, of which neither server knows. */
  connections: Set<Socket>;
}

async function listen(state: FakeState, port: number): Promise<Doors> {
  // Loaded here, because every daemon loads this module and hardly any starts a fake server.
  const { WebSocketServer } = await import("ws");
  const sockets = new WebSocketServer({ noServer: true, maxPayload: 64 * 1024 * 1024 });
  const server = createServer((request, response) => {
    serveHttp(state, request, response).catch(() => response.destroy());
  });
  server.on("upgrade", (request, socket, head) => {
    socket.on("error", () => {});
    // A frozen process leaves even the handshake unanswered.
    if (!state.faults.frozen) sockets.handleUpgrade(request, socket, head, (client) => serveSocket(state, client));
  });
  const connections = new Set<Socket>();
  server.on("connection", (socket) => {
    connections.add(socket);
    socket.once("close", () => connections.delete(socket));
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen(port, "127.0.0.1", resolve);
  await promise;
  return { server, connections };
}

async function close({ server, connections }: Doors): Promise<void> {
  if (!server.listening) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  for (const socket of connections) socket.destroy();
  await promise;
}
