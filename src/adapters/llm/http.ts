import { request as requestHttp, type IncomingMessage } from "node:http";
import { request as requestHttps } from "node:https";
import { redact } from "../../foundation/logger.ts";
import { SpecloopError } from "../../foundation/errors.ts";
import { parseJson } from "../../foundation/json.ts";
import { reasonOf } from "./watchdog.ts";

/** Characters of an answer that are kept; a model that writes more is cut off. */
export const MAX_ANSWER_LENGTH = 4 * 1024 * 1024;
/** Bytes of a body that are read: a streamed answer is mostly wrapping, and embeddings are long. */
const MAX_BODY_BYTES = 64 * 1024 * 1024;

export interface HttpRequest {
  url: string;
  token: string | undefined;
  /** Sent as JSON by POST; a GET when absent. */
  body?: unknown;
  /** Aborting it with a SpecloopError makes the call reject with that error. */
  signal: AbortSignal;
  /** Called when the TCP connection stands. */
  onConnected?: () => void;
}

/**
 * Sends a request and resolves with the answer's head. `node:http` instead of fetch: fetch gives up after 300 s without
 * a byte (measured), which a long prompt on a slow machine takes. One connection per call, so that no call is sent into
 * a socket whose server was restarted.
 */
export function open({ url, token, body, signal, onConnected }: HttpRequest): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  if (signal.aborted) return Promise.reject(reasonOf(signal));
  const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
  const headers = {
    accept: "application/json, text/event-stream",
    ...(token ? { authorization: `Bearer ${token}` } : {}),
    ...(payload ? { "content-type": "application/json", "content-length": payload.byteLength } : {}),
  };
  const send = url.startsWith("https:") ? requestHttps : requestHttp;
  const call = send(url, { method: payload ? "POST" : "GET", headers, agent: false });
  const abort = () => call.destroy(reasonOf(signal));
  const release = () => signal.removeEventListener("abort", abort);
  signal.addEventListener("abort", abort, { once: true });
  call.once("socket", (socket) => socket.once("connect", () => onConnected?.()));
  call.on("error", (cause) => {
    release();
    reject(translate(cause, url));
  });
  call.once("response", (answer) => {
    // Without a listener a socket that dies while nobody reads would end the process.
    answer.on("error", () => {});
    answer.once("close", release);
    resolve(answer);
  });
  call.end(payload);
  return promise;
}

/** The pieces of a body as text, at most `MAX_BODY_BYTES`. A dead socket is `llm_interrupted`. */
export async function* read(answer: IncomingMessage, signal: AbortSignal): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let bytes = 0;
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      bytes += chunk.byteLength;
      if (bytes > MAX_BODY_BYTES) throw tooLarge();
      yield decoder.decode(chunk, { stream: true });
    }
  } catch (cause) {
    if (signal.aborted) throw signal.reason;
    if (cause instanceof SpecloopError) throw cause;
    throw new SpecloopError(
      "llm_interrupted",
      "The connection to the model server broke in the middle of the answer.",
      { cause },
    );
  } finally {
    answer.destroy();
  }
}

export function tooLarge(): SpecloopError {
  return new SpecloopError("llm_protocol", "The model server sent more for one answer than any answer may have.", {
    fix: "Use a model or server that keeps to max_tokens.",
  });
}

/** The whole answer as JSON; whatever says "error" in status or body is a SpecloopError. */
export async function fetchJson(request: HttpRequest): Promise<unknown> {
  const answer = await open(request);
  let text = "";
  for await (const piece of read(answer, request.signal)) text += piece;
  const body = parseJson(text);
  const error = errorIn(answer.statusCode ?? 0, body, text);
  if (error) throw error;
  if (body === undefined) {
    throw new SpecloopError("llm_protocol", `The server at ${request.url} answered something that is not JSON.`, {
      details: { body: clip(text) },
    });
  }
  return body;
}

/**
 * The error that an answer tells of, or null. LM Studio answers unknown paths and some failures with status 200 and
 * `{"error": …}`, so the body counts as much as the status.
 */
export function errorIn(status: number, body: unknown, text: string): SpecloopError | null {
  const told = messageIn(body);
  if (status < 400 && told === null) return null;
  const message = redact(clip(told ?? text)) || `status ${status}`;
  const code = codeOf(status, message);
  return new SpecloopError(code, `The model server answered: ${message}`, { details: { status } });
}

function messageIn(body: unknown): string | null {
  if (body === null || typeof body !== "object" || !("error" in body) || !body.error) return null;
  if (typeof body.error === "string") return body.error;
  const message = (body.error as { message?: unknown }).message;
  return typeof message === "string" ? message : JSON.stringify(body.error);
}

/** Which of our codes a server's words mean; used for HTTP and for the SDK, whose errors are text alone. */
export function codeOf(status: number, message: string): SpecloopError["code"] {
  if (status === 401 || status === 403 || /authenticat|unauthori[sz]ed|invalid api (?:key|token)/i.test(message))
    return "llm_auth";
  if (/context (?:length|window|size|overflow)|exceeds? .{0,40}context|too many tokens|n_ctx|n_keep/i.test(message))
    return "llm_context_overflow";
  if (
    /no models? (?:is |are )?loaded|not (?:currently )?loaded|been unloaded|model_not_found|model .{0,200}not found|(?:no|cannot find|could not find)\b.{0,40}\bmodel/i.test(
      message,
    )
  )
    return "llm_no_model";
  if (status === 429 || status === 503 || /overloaded|too many requests|queue is full/i.test(message))
    return "llm_overloaded";
  if (status >= 500 || /crash|exit code|terminated/i.test(message)) return "llm_interrupted";
  return "llm_protocol";
}

export function clip(text: string): string {
  return text.length > 500 ? `${text.slice(0, 500)}…` : text;
}

const UNREACHABLE = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EAI_AGAIN",
  "ETIMEDOUT",
  "EADDRNOTAVAIL",
]);

function translate(cause: Error, url: string): Error {
  if (cause instanceof SpecloopError) return cause;
  const code = "code" in cause && typeof cause.code === "string" ? cause.code : "";
  if (UNREACHABLE.has(code)) {
    return new SpecloopError("llm_unreachable", `No model server answers at ${new URL(url).origin} (${code}).`, {
      cause,
      target: new URL(url).origin,
    });
  }
  return new SpecloopError("llm_interrupted", `The connection to the model server broke: ${cause.message}.`, { cause });
}
