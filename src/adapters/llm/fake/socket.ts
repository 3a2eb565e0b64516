import { setTimeout as wait } from "node:timers/promises";
import type { WebSocket } from "ws";
import { estimateTokens } from "../estimate.ts";
import { parseJson } from "../../../foundation/json.ts";
import { record, text } from "../inventory.ts";
import { predict } from "./predict.ts";
import { notLoaded, wireError, wireModel } from "./shapes.ts";
import type { FakeState } from "./state.ts";
import type { FakeModel } from "./types.ts";

type Json = Record<string, unknown>;

/** One channel that a client opened. */
export interface Channel {
  send(message: Json): Promise<void>;
  fail(error: Json): void;
  close(): void;
  /** Aborted when the client cancels or goes away. */
  signal: AbortSignal;
}

/** Serves one WebSocket of one namespace: authentication first, then remote calls and channels. */
export function serveSocket(state: FakeState, socket: WebSocket): void {
  const channels = new Map<unknown, AbortController>();
  let authenticated = false;
  socket.on("error", () => {});
  socket.on("close", () => {
    for (const channel of channels.values()) channel.abort();
  });
  socket.on("message", (data: Buffer) => {
    const message = record(parseJson(data.toString("utf8")));
    if (state.faults.frozen || !message) return;
    if (authenticated) return receive(state, socket, channels, message);
    authenticated = authenticate(state, socket, message);
  });
}

function authenticate({ faults, token }: FakeState, socket: WebSocket, message: Json): boolean {
  if (faults.auth === "hang") return false;
  const given = `sk-lm-${text(message["clientIdentifier"])}:${text(message["clientPasskey"])}`;
  if (faults.auth === "refuse" || (token !== undefined && given !== token)) {
    socket.send(JSON.stringify({ success: false, error: "Invalid passkey for client." }));
    socket.close();
    return false;
  }
  socket.send(JSON.stringify({ success: true }));
  return true;
}

function receive(state: FakeState, socket: WebSocket, channels: Map<unknown, AbortController>, message: Json): void {
  const id = message["channelId"];
  if (message["type"] === "rpcCall") return answerRpc(state, socket, message);
  if (message["type"] === "channelCreate") return openChannel(state, socket, channels, message);
  if (message["type"] !== "channelSend") return;
  if (!channels.has(id)) return warn(socket, `Received channelSend for unknown channel, channelId = ${String(id)}`);
  if (record(message["message"])?.["type"] === "cancel" && !state.faults.ignoreCancel) channels.get(id)?.abort();
}

/** What a real server says to everything that it does not know: nothing but this. */
function warn(socket: WebSocket, warning: string): void {
  socket.send(JSON.stringify({ type: "communicationWarning", warning }));
}

function answerRpc(state: FakeState, socket: WebSocket, { callId, endpoint, parameter }: Json): void {
  const answer = RPC[String(endpoint)];
  if (!answer) return warn(socket, `Received rpcCall for unknown endpoint, endpoint = ${String(endpoint)}`);
  const outcome =
    state.faults.wrongShape === "rpc" ? { result: { unheardOf: true } } : answer(state, record(parameter) ?? {});
  const type = "error" in outcome ? "rpcError" : "rpcResult";
  socket.send(JSON.stringify({ type, callId, ...outcome }));
}

type RpcOutcome = { result?: unknown } | { error: Json };

const RPC: Record<string, (state: FakeState, parameter: Json) => RpcOutcome> = {
  version: () => ({ result: { version: "0.4.20", build: 1 } }),
  listLoaded: ({ models }) => ({
    result: models.filter(({ loaded }) => loaded).map((model) => wireModel(model, true)),
  }),
  listDownloadedModels: ({ models }) => ({ result: models.map((model) => wireModel(model, false)) }),
  getModelInfo: (state, parameter) => {
    const model = findLoaded(state, parameter["specifier"]);
    if (model) return { result: wireModel(model, true) };
    return parameter["throwIfNotFound"] === true
      ? { error: notLoaded(specified(parameter["specifier"]), state.models) }
      : {};
  },
  unloadModel: ({ models }, { identifier }) => {
    for (const model of models.filter(({ id }) => id === identifier)) model.loaded = false;
    return {};
  },
  countTokens: (_state, { inputString }) => ({ result: { tokenCount: estimateTokens(text(inputString) ?? "") } }),
  tokenize: (_state, { inputString }) => ({
    result: { tokens: Array.from({ length: estimateTokens(text(inputString) ?? "") }, (_, index) => index) },
  }),
  embedString: (state, { modelSpecifier, inputString }) => {
    const model = specified(modelSpecifier);
    const messages = [{ role: "user" as const, content: text(inputString) ?? "" }];
    const nothing = { schema: undefined, maxTokens: undefined, temperature: undefined, cancelled: false };
    state.requests.push({ kind: "embed", via: "ws", model, messages, raw: inputString, ...nothing });
    return { result: { embedding: state.embed(text(inputString) ?? "") } };
  },
};

function openChannel(
  state: FakeState,
  socket: WebSocket,
  channels: Map<unknown, AbortController>,
  message: Json,
): void {
  const { channelId, endpoint, creationParameter } = message;
  const serve = CHANNELS[String(endpoint)];
  if (!serve) return warn(socket, `Received channelCreate for unknown endpoint, endpoint = ${String(endpoint)}`);
  const controller = new AbortController();
  channels.set(channelId, controller);
  const tell = (type: string, fields: Json) => {
    if (socket.readyState === socket.OPEN && !state.faults.frozen)
      socket.send(JSON.stringify({ type, channelId, ...fields }));
  };
  const channel: Channel = {
    signal: controller.signal,
    send: (packet) => sendSlowly(socket, { type: "channelSend", channelId, message: packet }, state),
    fail: (error) => tell("channelError", { error }),
    close: () => tell("channelClose", {}),
  };
  void serve(state, channel, record(creationParameter) ?? {}, socket).finally(() => channels.delete(channelId));
}

/** Resolves when the bytes are handed to the system, so that a flood does not pile up here. */
async function sendSlowly(socket: WebSocket, message: Json, { faults }: FakeState): Promise<void> {
  if (faults.frozen || socket.readyState !== socket.OPEN) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.send(JSON.stringify(message), () => resolve());
  await promise;
}

type Serve = (state: FakeState, channel: Channel, parameter: Json, socket: WebSocket) => Promise<void>;

const CHANNELS: Record<string, Serve> = {
  predict: (state, channel, parameter, socket) =>
    predict(state, channel, {
      parameter,
      model: findLoaded(state, parameter["modelSpecifier"]),
      die: () => socket.terminate(),
    }),
  loadModel: async (state, channel, parameter) => {
    const { modelKey } = parameter;
    const nothing = { messages: [], schema: undefined, maxTokens: undefined, temperature: undefined, cancelled: false };
    state.requests.push({ kind: "load", via: "ws", model: String(modelKey), raw: parameter, ...nothing });
    const model = state.models.find(({ id }) => id === modelKey);
    if (!model)
      return channel.fail(
        wireError(`Cannot find a model with path "${String(modelKey)}"`, {
          code: "generic.pathNotFound",
          path: modelKey,
          availablePathsSample: [],
          totalModels: 0,
        }),
      );
    await channel.send({ type: "resolved", info: wireModel(model, false) });
    const { count, everyMs } = state.faults.promptProgress ?? { count: 2, everyMs: 1 };
    for (let step = 1; step <= count && !channel.signal.aborted; step += 1) {
      await channel.send({ type: "progress", progress: step / count });
      await wait(everyMs, undefined, { signal: channel.signal }).catch(() => {});
    }
    model.loaded = true;
    await channel.send({ type: "success", info: wireModel(model, true) });
    channel.close();
  },
};

function specified(specifier: unknown): string {
  const wanted = record(specifier);
  return (
    text(record(wanted?.["query"])?.["identifier"]) ??
    text(wanted?.["instanceReference"])?.replace(/^instance-of-/, "") ??
    ""
  );
}

function findLoaded({ models, faults }: FakeState, specifier: unknown): FakeModel | undefined {
  return faults.modelGone ? undefined : models.find(({ id, loaded }) => loaded && id === specified(specifier));
}
