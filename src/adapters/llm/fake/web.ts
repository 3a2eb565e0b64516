import type { IncomingMessage, ServerResponse } from "node:http";
import { setTimeout as wait } from "node:timers/promises";
import { parseJson } from "../../../foundation/json.ts";
import { positive, record, text } from "../inventory.ts";
import type { Message } from "../port.ts";
import { openAiModels, v0Models, v1Models } from "./shapes.ts";
import { perform, type FakeState, type Performance } from "./state.ts";
import type { FakeRequest } from "./types.ts";

type Json = Record<string, unknown>;
type Route = (state: FakeState, call: { body: Json; response: ServerResponse; signal: AbortSignal }) => Promise<void>;

const ROUTES: Record<string, Route> = {
  "GET /lmstudio-greeting": async (_state, { response }) => send(response, 200, { lmstudio: true }),
  "GET /api/v1/models": async ({ models }, { response }) => send(response, 200, v1Models(models)),
  "GET /api/v0/models": async ({ models }, { response }) => send(response, 200, v0Models(models)),
  "GET /v1/models": async ({ models }, { response }) => send(response, 200, openAiModels(models)),
  "POST /v1/chat/completions": chat,
  "POST /v1/embeddings": embeddings,
};

/** Serves one HTTP request. */
export async function serveHttp(state: FakeState, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (state.faults.frozen) return;
  const path = (request.url ?? "/").split("?")[0] ?? "/";
  const route = ROUTES[`${request.method} ${path}`];
  // The real one answers unknown paths with status 200.
  if (!route) return send(response, 200, { error: `Unexpected endpoint or method. (${request.method} ${path})` });
  if (path !== "/lmstudio-greeting" && !authorised(state, request)) {
    return send(response, 401, {
      error: { message: "Malformed or invalid LM Studio API token", type: "invalid_request_error" },
    });
  }
  const gone = new AbortController();
  // Not on the request: that counts as destroyed once its body was read.
  response.on("close", () => gone.abort());
  response.on("error", () => {});
  const body = record(parseJson(await readBody(request))) ?? {};
  await route(state, { body, response, signal: gone.signal });
}

function authorised({ faults, token }: FakeState, request: IncomingMessage): boolean {
  return faults.auth !== "refuse" && (token === undefined || request.headers.authorization === `Bearer ${token}`);
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}

function send(response: ServerResponse, status: number, body: Json): void {
  response.writeHead(status, { "content-type": "application/json; charset=utf-8" }).end(JSON.stringify(body));
}

async function chat(state: FakeState, { body, response, signal }: Parameters<Route>[1]): Promise<void> {
  const { faults } = state;
  const model = state.models.find(({ id, kind }) => id === body["model"] && kind === "chat");
  if (faults.errorBody) return send(response, 200, { error: faults.errorBody });
  if (!model || faults.modelGone)
    return send(response, 400, {
      error: {
        message: "No models loaded. Please load a model in the developer page or use the `lms load` command.",
        type: "invalid_request_error",
      },
    });
  model.loaded = true;
  const request = requestIn(body, model.id);
  signal.addEventListener("abort", () => (request.cancelled = !response.writableFinished), { once: true });
  const performance = await perform(state, request);
  if (faults.firstTokenMs) await wait(faults.firstTokenMs, undefined, { signal }).catch(() => {});
  if (signal.aborted) return;
  if (faults.wrongShape === "predict") return send(response, 200, { unheardOf: true });
  if (body["stream"] === true && !faults.noStream)
    return stream(state, performance, { model: model.id, response, signal });
  const said = (kind: "text" | "reasoning") =>
    performance.pieces
      .filter((piece) => piece.kind === kind)
      .map(({ content }) => content)
      .join("");
  const message = { role: "assistant", content: said("text"), reasoning_content: said("reasoning") };
  send(response, 200, {
    ...frame(model.id),
    choices: [{ index: 0, message, finish_reason: finish(performance) }],
    usage: usage(performance),
  });
}

async function stream(
  state: FakeState,
  performance: Performance,
  to: { model: string; response: ServerResponse; signal: AbortSignal },
): Promise<void> {
  const { response, signal, model } = to;
  const { midStream, closeWithoutSuccess, floodMegabytes } = state.faults;
  response.writeHead(200, { "content-type": "text/event-stream" });
  const event = (payload: Json) =>
    write(response, `data: ${JSON.stringify({ ...frame(model), ...payload })}\n\n`, signal);
  const piece = (delta: Json) => event({ choices: [{ index: 0, delta, finish_reason: null }] });
  for (let sent = 0; sent < (floodMegabytes ?? 0) * 16 && !signal.aborted; sent += 1)
    await piece({ content: "x".repeat(64 * 1024) });
  const half = midStream ? Math.ceil(performance.pieces.length / 2) : Infinity;
  for (const { kind, content } of performance.pieces.slice(0, half)) {
    await piece(kind === "text" ? { content } : { reasoning_content: content });
  }
  if (midStream === "die") {
    // What was written is on its way before the connection breaks.
    await wait(20);
    return void response.destroy();
  }
  if (midStream === "crash")
    return void response.end(
      `event: error\ndata: ${JSON.stringify({ error: { message: "The model has crashed. (Exit code: 11)" } })}\n\n`,
    );
  if (midStream === "stall") return;
  if (closeWithoutSuccess) return void response.end();
  await event({ choices: [{ index: 0, delta: {}, finish_reason: finish(performance) }] });
  await event({ choices: [], usage: usage(performance) });
  response.end("data: [DONE]\n\n");
}

async function write(response: ServerResponse, text: string, signal: AbortSignal): Promise<void> {
  if (signal.aborted || response.write(text)) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  response.once("drain", resolve);
  signal.addEventListener("abort", () => resolve(), { once: true });
  await promise;
}

function frame(model: string): Json {
  return { id: "chatcmpl-example", object: "chat.completion.chunk", created: 0, model };
}

function finish({ stop }: Performance): string {
  return stop === "eosFound" ? "stop" : "length";
}

function usage({ tokensIn, tokensOut }: Performance): Json {
  return { prompt_tokens: tokensIn, completion_tokens: tokensOut, total_tokens: tokensIn + tokensOut };
}

function requestIn(body: Json, model: string): FakeRequest {
  const messages = (Array.isArray(body["messages"]) ? body["messages"] : []).map((entry): Message => {
    const role = record(entry)?.["role"];
    return {
      role: role === "system" || role === "assistant" ? role : "user",
      content: text(record(entry)?.["content"]) ?? "",
    };
  });
  const format = record(record(body["response_format"])?.["json_schema"]);
  return {
    kind: "generate",
    via: "http",
    model,
    messages,
    schema: record(format?.["schema"]),
    maxTokens: positive(body["max_tokens"]) ?? undefined,
    temperature: typeof body["temperature"] === "number" ? body["temperature"] : undefined,
    raw: body,
    cancelled: false,
  };
}

async function embeddings(state: FakeState, { body, response }: Parameters<Route>[1]): Promise<void> {
  if (state.faults.errorBody) return send(response, 200, { error: state.faults.errorBody });
  const input = (Array.isArray(body["input"]) ? body["input"] : [body["input"]]).map((entry) => text(entry) ?? "");
  const model = text(body["model"]) ?? "";
  const messages = input.map((content): Message => ({ role: "user", content }));
  const nothing = { schema: undefined, maxTokens: undefined, temperature: undefined, cancelled: false };
  state.requests.push({ kind: "embed", via: "http", model, messages, raw: body, ...nothing });
  if (state.faults.embeddings === "hang") return;
  if (state.faults.embeddings === "error") return send(response, 500, { error: "The embedding model crashed." });
  const vector = (content: string) => {
    const numbers = state.embed(content);
    return state.faults.embeddings === "zeros" ? numbers.map(() => 0) : numbers;
  };
  const rows = input.map((content, index) => ({ object: "embedding", index, embedding: vector(content) }));
  const data = state.faults.wrongShape === "predict" ? rows.slice(1) : rows;
  send(response, 200, { object: "list", data, model, usage: { prompt_tokens: 0, total_tokens: 0 } });
}
