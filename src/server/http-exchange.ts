import type { IncomingMessage, ServerResponse } from "node:http";
import { SpecloopError } from "../foundation/errors.ts";
import type { KnownAgent } from "./mcp.ts";
import { toWireError } from "./wire-error.ts";

/** Largest body that is taken: what MCP's SDK takes as well. */
export const MAX_BODY_BYTES = 4 * 1024 * 1024;
/** A client that goes on sending after it was refused is cut off after this time, or this much. */
const DISCARD_MS = 1000;
const DISCARD_BYTES = 64 * 1024 * 1024;

/** One request and its response, with the few things that routes do with them. */
export class Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  /** Set by routes whose response stays open by nature: stopping does not wait for it. */
  streams = false;
  /** The registered agent whose token the request carries. */
  agent: KnownAgent | undefined = undefined;
  readonly #gone = new AbortController();

  constructor(request: IncomingMessage, response: ServerResponse) {
    this.request = request;
    this.response = response;
    this.url = parseUrl(request.url);
    response.once("close", () => {
      if (!response.writableFinished) this.#gone.abort(new SpecloopError("cancelled", "The caller went away."));
    });
  }

  get method(): string {
    return this.request.method ?? "GET";
  }

  /** Aborted when the client goes away before it has its answer. */
  get signal(): AbortSignal {
    return this.#gone.signal;
  }

  header(name: string): string | undefined {
    const value = this.request.headers[name];
    return Array.isArray(value) ? value[0] : value;
  }

  /** The body as JSON; an empty one is `undefined`. `unsupported_media_type`, `payload_too_large`, `bad_input`. */
  async json(): Promise<unknown> {
    const type = this.header("content-type")?.split(";")[0]?.trim().toLowerCase();
    if (type !== "application/json") {
      throw new SpecloopError("unsupported_media_type", `The body is "${(type ?? "").slice(0, 60)}", not JSON.`, {
        target: "Content-Type",
      });
    }
    const text = (await readBody(this.request)).toString("utf8");
    if (text.trim() === "") return undefined;
    try {
      return JSON.parse(text);
    } catch (cause) {
      throw new SpecloopError("bad_input", "The body is not JSON that can be read.", { target: "body", cause });
    }
  }

  reply(status: number, body: unknown, headers: Record<string, string> = {}): void {
    const { response } = this;
    if (response.headersSent) {
      response.destroy();
      return;
    }
    response.writeHead(status, {
      "content-type": "application/json; charset=utf-8",
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
      ...headers,
    });
    response.end(`${JSON.stringify(body)}\n`);
  }

  /**
   * `{"error": diagnostic}` with the status of the table. What the client is still sending is thrown away for a moment
   * first: closing on it would reset the connection, and the client would see that instead of the answer.
   */
  async refuse(error: SpecloopError): Promise<void> {
    const headers: Record<string, string> = error.code === "unauthorized" ? { "www-authenticate": "Bearer" } : {};
    const waitMs = error.details?.["retryAfterMs"];
    if (typeof waitMs === "number") headers["retry-after"] = String(Math.ceil(waitMs / 1000));
    await discardBody(this.request);
    if (!this.request.complete) headers["connection"] = "close";
    this.reply(error.http, { error: toWireError(error) }, headers);
  }
}

/** Resolves when the body is over, or when its client sends too long or too much. */
async function discardBody(request: IncomingMessage): Promise<void> {
  if (request.complete || request.destroyed) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  let size = 0;
  const timer = setTimeout(resolve, DISCARD_MS);
  request.on("data", (chunk: Buffer) => {
    size += chunk.length;
    if (size > DISCARD_BYTES) resolve();
  });
  request.once("end", resolve).once("close", resolve).resume();
  await promise;
  clearTimeout(timer);
}

function parseUrl(url: string | undefined): URL {
  const base = "http://localhost";
  return URL.parse(url ?? "/", base) ?? new URL(base);
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const tooLarge = () =>
    new SpecloopError("payload_too_large", `The body may have ${MAX_BODY_BYTES} bytes.`, { target: "body" });
  if (Number(request.headers["content-length"] ?? 0) > MAX_BODY_BYTES) throw tooLarge();
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const chunks: Buffer[] = [];
  let size = 0;
  const onData = (chunk: Buffer) => {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) reject(tooLarge());
    else chunks.push(chunk);
  };
  const onClose = () => reject(new SpecloopError("cancelled", "The client went away before its request was complete."));
  request
    .on("data", onData)
    .once("end", () => resolve(Buffer.concat(chunks)))
    .once("error", onClose)
    .once("close", onClose);
  return promise.finally(() => request.off("data", onData));
}
