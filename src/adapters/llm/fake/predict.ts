import { setTimeout as wait } from "node:timers/promises";
import { record, text } from "../inventory.ts";
import type { Message } from "../port.ts";
import { notLoaded, wireError, wireModel } from "./shapes.ts";
import type { Channel } from "./socket.ts";
import { perform, type FakeState, type Performance } from "./state.ts";
import type { FakeModel, FakeRequest } from "./types.ts";

type Json = Record<string, unknown>;

interface Prediction {
  parameter: Json;
  model: FakeModel | undefined;
  /** Breaks the connection. */
  die: () => void;
}

/** The `predict` channel: progress, fragments, success; or what the faults want. */
export async function predict(
  state: FakeState,
  channel: Channel,
  { parameter, model, die }: Prediction,
): Promise<void> {
  if (!model)
    return channel.fail(
      notLoaded(text(record(record(parameter["modelSpecifier"])?.["query"])?.["identifier"]) ?? "", state.models),
    );
  const request = requestIn(parameter, model);
  const note = () => (request.cancelled = true);
  channel.signal.addEventListener("abort", note, { once: true });
  const performance = await perform(state, request);
  await prepare(state, channel);
  if (state.faults.wrongShape === "predict") return channel.send({ type: "unheardOf", content: "?" });
  const { midStream, closeWithoutSuccess, floodMegabytes } = state.faults;
  if (floodMegabytes) await flood(channel, floodMegabytes);
  const pieces = midStream ? performance.pieces.slice(0, Math.ceil(performance.pieces.length / 2)) : performance.pieces;
  for (const { kind, content } of pieces) {
    if (channel.signal.aborted) break;
    await channel.send(fragment(kind, content));
  }
  if (midStream && !channel.signal.aborted) return midStreamFault(midStream, channel, die);
  if (!closeWithoutSuccess) await channel.send(success(performance, model, channel.signal.aborted));
  if (state.faults.dieAfterSuccess) return die();
  channel.close();
  channel.signal.removeEventListener("abort", note);
}

async function prepare({ faults }: FakeState, channel: Channel): Promise<void> {
  const { count, everyMs } = faults.promptProgress ?? { count: 1, everyMs: 0 };
  for (let step = 1; step <= count && !channel.signal.aborted; step += 1) {
    await channel.send({ type: "promptProcessingProgress", progress: step / count });
    if (everyMs > 0) await pause(everyMs, channel.signal);
  }
  if (faults.firstTokenMs) await pause(faults.firstTokenMs, channel.signal);
}

async function midStreamFault(fault: "stall" | "die" | "crash", channel: Channel, die: () => void): Promise<void> {
  if (fault === "die") return die();
  if (fault === "crash")
    return channel.fail(wireError("The model has crashed without additional information. (Exit code: 11)"));
  await pause(3_600_000, channel.signal);
}

async function flood(channel: Channel, megabytes: number): Promise<void> {
  const piece = "x".repeat(64 * 1024);
  for (let sent = 0; sent < megabytes * 16 && !channel.signal.aborted; sent += 1)
    await channel.send(fragment("text", piece));
}

function fragment(kind: "text" | "reasoning", content: string): Json {
  const reasoningType = kind === "text" ? "none" : "reasoning";
  const tokensCount = Math.ceil(content.length / 4);
  return {
    type: "fragment",
    fragment: { content, tokensCount, containsDrafted: false, reasoningType, isStructural: false },
  };
}

function success({ stop, tokensIn, tokensOut }: Performance, model: FakeModel, cancelled: boolean): Json {
  const stats = {
    stopReason: cancelled ? "userStopped" : stop,
    tokensPerSecond: 40,
    timeToFirstTokenSec: 0.1,
    promptTokensCount: tokensIn,
    predictedTokensCount: tokensOut,
    totalTokensCount: tokensIn + tokensOut,
  };
  const nothing = { fields: [] };
  return {
    type: "success",
    stats,
    modelInfo: wireModel(model, true),
    loadModelConfig: nothing,
    predictionConfig: nothing,
  };
}

function requestIn(parameter: Json, model: FakeModel): FakeRequest {
  const settings = settingsIn(parameter["predictionConfigStack"]);
  const structured = record(settings.get("llm.prediction.structured"));
  const limit = record(settings.get("llm.prediction.maxPredictedTokens"));
  const temperature = settings.get("llm.prediction.temperature");
  return {
    kind: "generate",
    via: "ws",
    model: model.id,
    messages: messagesIn(parameter["history"]),
    schema: record(structured?.["jsonSchema"]),
    maxTokens: limit?.["checked"] === true && typeof limit["value"] === "number" ? limit["value"] : undefined,
    temperature: typeof temperature === "number" ? temperature : undefined,
    raw: parameter,
    cancelled: false,
  };
}

function settingsIn(stack: unknown): Map<unknown, unknown> {
  const layers = record(stack)?.["layers"];
  const fields = (Array.isArray(layers) ? layers : []).flatMap(
    (layer) => record(record(layer)?.["config"])?.["fields"] ?? [],
  );
  return new Map(fields.map((field) => [record(field)?.["key"], record(field)?.["value"]]));
}

function messagesIn(history: unknown): Message[] {
  const messages = record(history)?.["messages"];
  return (Array.isArray(messages) ? messages : []).map((entry): Message => {
    const message = record(entry);
    const parts = Array.isArray(message?.["content"]) ? message["content"].map(record) : [];
    const content = parts.map((part) => text(part?.["text"]) ?? "").join("");
    const role = message?.["role"];
    return { role: role === "system" || role === "assistant" ? role : "user", content };
  });
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await wait(ms, undefined, { signal }).catch(() => {});
}
