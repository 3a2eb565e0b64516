import {
  type JSONRPCMessage,
  type Transport,
  deserializeMessage,
  serializeMessage,
} from "@modelcontextprotocol/client";
import type { Readable, Writable } from "node:stream";
import { LineReader } from "../../foundation/lines.ts";

/** Lines that are no message which a server may write before it is given up: it writes its log to stdout, or nonsense. */
const MAX_GARBAGE = 100;
/** A server that does not read is given up when this much waits for it. */
const MAX_UNREAD_BYTES = 16 * 1024 * 1024;
/** Messages that nobody asked for, per second, at most: a server that floods is given up. */
const MAX_UNASKED = 500;
const SHOWN = 200;

interface Ends {
  input: Writable;
  output: Readable;
  maxMessageBytes: number;
  onNoise: (line: string) => void;
  /** Closes what carries the two ends. */
  hangUp: () => Promise<void>;
}

/**
 * MCP's stdio framing towards a server that is not trusted: a message that is too long, nonsense, or a flood ends the
 * connection with a reason. (The SDK's own transport reads nonsense and floods for ever.)
 */
export class LineTransport implements Transport {
  onclose?: (() => void) | undefined;
  onerror?: ((error: Error) => void) | undefined;
  onmessage?: Transport["onmessage"];
  /** The SDK takes a transport with these two for a child process, for which silence means an older server. */
  readonly stderr = null;
  readonly pid = null;
  /** Why it ended; null while it is open or when we ended it. */
  fault: string | null = null;
  readonly #ends: Ends;
  readonly #lines: LineReader;
  #garbage = 0;
  #unasked = 0;
  /** Requests that were sent and not answered yet: so many messages are no flood. */
  #owed = 0;
  #second = 0;
  #drained: Promise<void> | null = null;
  #closed = false;

  constructor(ends: Ends) {
    this.#ends = ends;
    this.#lines = new LineReader(ends.maxMessageBytes);
  }

  async start(): Promise<void> {
    const { input, output } = this.#ends;
    output.on("data", (chunk: Buffer) => this.#read(chunk));
    output.once("end", () => this.fail("it closed the connection"));
    output.once("error", (error) => this.fail(error.message));
    output.once("close", () => this.fail("it closed the connection"));
    input.on("error", () => {});
  }

  async send(message: JSONRPCMessage): Promise<void> {
    const { input } = this.#ends;
    if (this.#closed || !input.writable) throw new Error("the connection is closed");
    if ("method" in message && "id" in message) this.#owed += 1;
    if (input.write(serializeMessage(message))) return;
    if (input.writableLength > MAX_UNREAD_BYTES) return this.fail("it does not read what it is sent");
    await (this.#drained ??= this.#nextDrain());
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#ends.output.removeAllListeners("data");
    // A pipe that nobody reads would keep the server from ending.
    this.#ends.output.resume();
    this.onclose?.();
    await this.#ends.hangUp();
  }

  /** Ends the connection because of what the server did. */
  fail(reason: string): void {
    if (this.#closed) return;
    this.fault ??= reason;
    this.onerror?.(new Error(reason));
    void this.close();
  }

  #read(chunk: Buffer): void {
    if (this.#closed) return;
    let lines: string[];
    try {
      lines = this.#lines.push(chunk);
    } catch {
      this.fail(`it sent a message of more than ${this.#ends.maxMessageBytes} bytes`);
      return;
    }
    for (const line of lines) {
      if (this.#closed) return;
      if (line.trim() !== "") this.#take(line);
    }
  }

  #take(line: string): void {
    let message: JSONRPCMessage;
    try {
      message = deserializeMessage(line);
    } catch {
      this.#garbage += 1;
      this.#ends.onNoise(`not a message: ${line.slice(0, SHOWN)}`);
      if (this.#garbage > MAX_GARBAGE) this.fail("it writes what is no message to its output");
      return;
    }
    if (!("method" in message) && this.#owed > 0) this.#owed -= 1;
    else if (this.#isFlood()) return this.fail("it sends messages without end");
    this.onmessage?.(message);
  }

  /** Counted by the second of the machine's own monotonic clock. */
  #isFlood(): boolean {
    const second = Math.floor(performance.now() / 1000);
    if (second !== this.#second) this.#unasked = 0;
    this.#second = second;
    this.#unasked += 1;
    return this.#unasked > MAX_UNASKED;
  }

  #nextDrain(): Promise<void> {
    const { input } = this.#ends;
    const { promise, resolve } = Promise.withResolvers<void>();
    const done = () => {
      input.off("drain", done);
      input.off("close", done);
      this.#drained = null;
      resolve();
    };
    input.on("drain", done);
    input.on("close", done);
    return promise;
  }
}
