import type { Duplex } from "node:stream";
import type { JSONRPCMessage, Transport } from "@modelcontextprotocol/server";
import { deserializeMessage, serializeMessage } from "@modelcontextprotocol/server";
import { SpecloopError } from "../foundation/errors.ts";
import { hangUp } from "./hang-up.ts";
import { LineReader } from "../foundation/lines.ts";
import { toWireError } from "./wire-error.ts";

/** Longest message that a client may send. */
export const MAX_MESSAGE_BYTES = 10 * 1024 * 1024;
/** A client that does not read is cut off when this much waits for it. */
const MAX_UNREAD_BYTES = 64 * 1024 * 1024;
/** How long requests may still take after the client said that it sends no more: it may have gone altogether. */
const DRAIN_MS = 5000;

/** Requests that one client may have under way; `question_ask` for a thousand questions at once is one use of it. */
const MAX_IN_FLIGHT = 1024;

const PARSE_ERROR = -32700;
const INVALID_REQUEST = -32600;
/** Of the range that JSON-RPC leaves to servers. */
const TOO_MANY = -32029;

/**
 * MCP's stdio framing over one end of a socket. Differs from the SDK's own in three ways: a client that closes its side
 * (`echo … | specloop mcp`) still gets the answers to what it asked; closing takes the socket along; and however many
 * messages wait for a slow reader, one listener waits with them (the SDK adds one per message).
 */
export class SocketTransport implements Transport {
  onclose?: (() => void) | undefined;
  onerror?: ((error: Error) => void) | undefined;
  onmessage?: Transport["onmessage"];
  readonly #socket: Duplex;
  readonly #lines = new LineReader(MAX_MESSAGE_BYTES);
  readonly #unanswered = new Set<string | number>();
  #drained: Promise<void> | null = null;
  #idle: PromiseWithResolvers<void> | null = null;
  #ended = false;
  #closed = false;

  constructor(socket: Duplex) {
    this.#socket = socket;
  }

  async start(): Promise<void> {
    this.#socket.on("data", (chunk: Buffer) => this.#read(chunk));
    this.#socket.on("error", (error) => this.onerror?.(error));
    this.#socket.once("end", () => this.#end());
    this.#socket.once("close", () => void this.close());
    if (this.#socket.destroyed) await this.close();
    else this.#socket.resume();
  }

  /** Resolves when every request has been answered or the connection is closed. */
  async idle(): Promise<void> {
    if (this.#closed || this.#unanswered.size === 0) return;
    this.#idle ??= Promise.withResolvers<void>();
    await this.#idle.promise;
  }

  async send(message: JSONRPCMessage): Promise<void> {
    if (this.#closed) throw new Error("the connection is closed");
    const flushed = this.#socket.write(serializeMessage(message));
    if ("id" in message && !("method" in message) && message.id !== undefined) this.#answered(message.id);
    if (flushed) return;
    if (this.#socket.writableLength > MAX_UNREAD_BYTES) {
      this.onerror?.(new Error("the client does not read its answers"));
      this.#socket.destroy();
    }
    await (this.#drained ??= this.#nextDrain());
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    hangUp(this.#socket);
    this.#idle?.resolve();
    this.onclose?.();
  }

  #read(chunk: Buffer): void {
    if (this.#closed) return;
    let lines: string[];
    try {
      lines = this.#lines.push(chunk);
    } catch (error) {
      this.#refuse(INVALID_REQUEST, `A message may have ${MAX_MESSAGE_BYTES} bytes.`);
      this.onerror?.(asError(error));
      void this.close();
      return;
    }
    for (const line of lines) if (line.trim() !== "") this.#take(line);
  }

  #take(line: string): void {
    let message: JSONRPCMessage;
    try {
      message = deserializeMessage(line);
    } catch (error) {
      const isJson = !(error instanceof SyntaxError);
      this.#refuse(
        isJson ? INVALID_REQUEST : PARSE_ERROR,
        isJson ? "This is not a JSON-RPC message." : "This is not JSON.",
      );
      this.onerror?.(asError(error));
      return;
    }
    if (this.#closed) return;
    if ("method" in message && "id" in message && this.#unanswered.size >= MAX_IN_FLIGHT) {
      this.#refuseRequest(message.id);
      return;
    }
    this.#expectAnswer(message);
    this.onmessage?.(message);
  }

  /** A subscription is answered only when it ends, so nobody waits for it. */
  #expectAnswer(message: JSONRPCMessage): void {
    if (!("method" in message)) return;
    if ("id" in message && message.method !== "subscriptions/listen") this.#unanswered.add(message.id);
    const cancelled = message.method === "notifications/cancelled" ? message.params?.["requestId"] : undefined;
    if (typeof cancelled === "string" || typeof cancelled === "number") this.#answered(cancelled);
  }

  #answered(id: string | number): void {
    this.#unanswered.delete(id);
    if (this.#unanswered.size > 0) return;
    this.#idle?.resolve();
    this.#idle = null;
    if (this.#ended) void this.close();
  }

  #end(): void {
    this.#ended = true;
    if (this.#unanswered.size === 0) void this.close();
    else setTimeout(() => void this.close(), DRAIN_MS).unref();
  }

  #refuseRequest(id: string | number): void {
    const error = new SpecloopError("too_many_clients", `A client may have ${MAX_IN_FLIGHT} requests under way.`, {
      fix: "Wait for answers, then send this request again.",
    });
    const refusal = { code: TOO_MANY, message: error.message, data: toWireError(error) };
    this.#socket.write(`${JSON.stringify({ jsonrpc: "2.0", id, error: refusal })}\n`);
    this.onerror?.(error);
  }

  #refuse(code: number, message: string): void {
    this.#socket.write(`${JSON.stringify({ jsonrpc: "2.0", id: null, error: { code, message } })}\n`);
  }

  #nextDrain(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const done = () => {
      this.#socket.off("drain", done);
      this.#socket.off("close", done);
      this.#drained = null;
      resolve();
    };
    this.#socket.on("drain", done);
    this.#socket.on("close", done);
    return promise;
  }
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
