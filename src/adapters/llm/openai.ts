import type { IncomingMessage } from "node:http";
import { SpecloopError, toSpecloopError } from "../../foundation/errors.ts";
import { parseJson } from "../../foundation/json.ts";
import { Answer, type StopReason, type Usage } from "./answer.ts";
import type { Backend, BackendCall, BackendDependencies, EmbedCall } from "./backend.ts";
import { clip, errorIn, fetchJson, open, read } from "./http.ts";
import { fetchInventory, positive, record, text } from "./inventory.ts";
import type { Timeouts } from "./options.ts";
import type { Generation } from "./port.ts";
import { SseParser } from "./sse.ts";
import { untilAborted, Watchdog } from "./watchdog.ts";

/** Texts that one embeddings request carries. */
const EMBED_BATCH = 64;

/** The finish reasons of the chat completions API. */
const FINISH: Record<string, StopReason> = {
  stop: "finished",
  eos: "finished",
  length: "max_tokens",
  content_filter: "failed",
};

/** What has been learnt from a stream so far. */
interface Progress {
  answer: Answer;
  stop: StopReason | null;
  usage: Usage;
  model: string | null;
}

/**
 * A client of the OpenAI chat completions API as local servers speak it: answers that are not a stream although one was
 * asked for, errors with status 200 and streams that die are all expected.
 */
export function createOpenAiBackend(dependencies: BackendDependencies, name = "openai"): Backend {
  const { address, clock, token } = dependencies;
  return {
    name,
    inventory: async (timeouts, signal) => {
      using watchdog = new Watchdog(clock, onlyConnect(timeouts), signal);
      return await fetchInventory({ base: address.http, token: token(), signal: watchdog.signal });
    },
    generate: async (call) => {
      using watchdog = new Watchdog(clock, call.timeouts, call.signal);
      const progress: Progress = {
        answer: new Answer(call.request.onText),
        stop: null,
        usage: { tokensIn: null, tokensOut: null },
        model: null,
      };
      try {
        return await untilAborted(
          stream(dependencies, call, watchdog, progress).then(() => conclude(name, call, watchdog, progress)),
          watchdog.signal,
        );
      } catch (thrown) {
        throw progress.answer.blame(toSpecloopError(thrown));
      }
    },
    embed: (call) => embed(dependencies, call),
    [Symbol.asyncDispose]: async () => {},
  };
}

/** For calls that are one short question: the connect deadline is the only one. */
export function onlyConnect({ connectMs }: Timeouts): Timeouts {
  return { connectMs, firstTokenMs: connectMs, idleMs: connectMs, totalMs: connectMs };
}

async function stream(
  { address, token }: BackendDependencies,
  call: BackendCall,
  watchdog: Watchdog,
  progress: Progress,
): Promise<void> {
  const { signal } = watchdog;
  const url = `${address.http}/v1/chat/completions`;
  const head = await open({ url, token: token(), body: bodyOf(call), signal, onConnected: () => watchdog.connected() });
  const streamed = (head.statusCode ?? 0) < 400 && /text\/event-stream/i.test(head.headers["content-type"] ?? "");
  await (streamed ? readStream(head, watchdog, progress) : readWhole(head, signal, progress));
}

function bodyOf({ request, model, maxTokens, temperature }: BackendCall): Record<string, unknown> {
  const format = request.schema && {
    response_format: { type: "json_schema", json_schema: { name: "answer", schema: request.schema } },
  };
  return {
    model: model.id,
    messages: request.messages,
    temperature,
    max_tokens: maxTokens,
    stream: true,
    stream_options: { include_usage: true },
    ...format,
  };
}

async function readStream(head: IncomingMessage, watchdog: Watchdog, progress: Progress): Promise<void> {
  const parser = new SseParser();
  for await (const piece of read(head, watchdog.signal)) {
    for (const payload of parser.push(piece)) take(payload, watchdog, progress);
  }
  for (const payload of parser.end()) take(payload, watchdog, progress);
  if (progress.stop === null) {
    throw new SpecloopError("llm_interrupted", "The model server ended the stream before the answer was complete.");
  }
}

function take(payload: string, watchdog: Watchdog, progress: Progress): void {
  if (payload.trim() === "[DONE]") {
    progress.stop ??= "unknown";
    return;
  }
  const body = parseJson(payload);
  const error = errorIn(200, body, payload);
  if (error) throw error;
  const event = record(body);
  if (!event)
    throw new SpecloopError("llm_protocol", "The model server streamed something that is not JSON.", {
      details: { body: clip(payload) },
    });
  takeChoice(event, "delta", progress);
  // An event without content (usage, a role) is a sign of life as well.
  if (progress.answer.started) watchdog.token();
  else watchdog.progress();
}

async function readWhole(head: IncomingMessage, signal: AbortSignal, progress: Progress): Promise<void> {
  let whole = "";
  for await (const piece of read(head, signal)) whole += piece;
  const body = parseJson(whole);
  const error = errorIn(head.statusCode ?? 0, body, whole);
  if (error) throw error;
  const answer = record(body);
  if (!answer || !Array.isArray(answer["choices"])) {
    throw new SpecloopError("llm_protocol", "The model server answered something that is no chat completion.", {
      details: { body: clip(whole) },
    });
  }
  takeChoice(answer, "message", progress);
  progress.stop ??= "unknown";
}

function takeChoice(body: Record<string, unknown>, part: "delta" | "message", progress: Progress): void {
  const choice = Array.isArray(body["choices"]) ? record(body["choices"][0]) : undefined;
  const piece = record(choice?.[part]) ?? {};
  progress.answer.add("text", text(piece["content"]) ?? "");
  progress.answer.add("reasoning", text(piece["reasoning_content"]) ?? text(piece["reasoning"]) ?? "");
  const finish = text(choice?.["finish_reason"]);
  if (finish) progress.stop = FINISH[finish] ?? "unknown";
  progress.usage = usageIn(body) ?? progress.usage;
  progress.model ??= text(body["model"]) ?? null;
}

function usageIn(body: Record<string, unknown>): Usage | null {
  const usage = record(body["usage"]);
  return usage ? { tokensIn: positive(usage["prompt_tokens"]), tokensOut: positive(usage["completion_tokens"]) } : null;
}

function conclude(backend: string, call: BackendCall, watchdog: Watchdog, progress: Progress): Generation {
  const end = { backend, model: progress.model ?? call.model.id, usage: progress.usage, ms: watchdog.elapsed };
  return progress.answer.conclude(call, progress.stop ?? "unknown", end);
}

async function embed({ address, clock, token }: BackendDependencies, call: EmbedCall): Promise<number[][]> {
  const vectors: number[][] = [];
  using watchdog = new Watchdog(clock, call.timeouts, call.signal);
  for (let from = 0; from < call.texts.length; from += EMBED_BATCH) {
    watchdog.progress();
    const input = call.texts.slice(from, from + EMBED_BATCH);
    const body = { model: call.model.id, input };
    const answer = await fetchJson({
      url: `${address.http}/v1/embeddings`,
      token: token(),
      body,
      signal: watchdog.signal,
    });
    vectors.push(...vectorsIn(answer, input.length));
  }
  return vectors;
}

function vectorsIn(body: unknown, expected: number): number[][] {
  const data = record(body)?.["data"];
  const rows = Array.isArray(data) ? data.map(record) : [];
  const ordered = rows.toSorted((a, b) => Number(a?.["index"] ?? 0) - Number(b?.["index"] ?? 0));
  const vectors = ordered.map((row) => row?.["embedding"]);
  if (vectors.length !== expected || !vectors.every(isVector)) {
    throw new SpecloopError(
      "llm_protocol",
      `The model server answered ${vectors.length} vectors for ${expected} texts, or vectors that are not numbers.`,
    );
  }
  return vectors;
}

function isVector(value: unknown): value is number[] {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((entry) => typeof entry === "number" && Number.isFinite(entry))
  );
}
