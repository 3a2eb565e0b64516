import {
  type Downstream,
  type DownstreamTarget,
  type DownstreamTool,
  type OpenOptions,
  openDownstream,
} from "../adapters/mcp-client/index.ts";
import { SpecloopError } from "../foundation/errors.ts";
import { type Logger, redact } from "../foundation/logger.ts";

const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;
/** Of what a server writes beside its messages, a minute. */
const MAX_NOISE_LINES = 100;
const MAX_NOISE_CHARACTERS = 400;
const MINUTE_MS = 60_000;

/** A server that runs, with the tools that it offers now. */
export interface Open {
  downstream: Downstream;
  tools: Map<string, DownstreamTool>;
}

interface Parts {
  server: string;
  logger: Logger;
  /** The server offers these now: after the start and whenever it says so. */
  onTools(tools: Map<string, DownstreamTool>): void;
  /** It ended by itself. */
  onLost(reason: string): void;
  /** Whether calls are under way: it is not stopped below them. */
  isBusy(): boolean;
}

/** At most one running copy of a server, started when it is needed and stopped when nobody used it for a while. */
export class Connection {
  readonly #parts: Parts;
  #hash: string | null = null;
  #open: Promise<Open> | null = null;
  #current: Open | null = null;
  #idle: NodeJS.Timeout | null = null;
  #starting = new AbortController();
  #noise = 0;
  #noiseSince = 0;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** What runs now; null when nothing does. */
  get current(): Open | null {
    return this.#current;
  }

  /** Hash of the launch that it was started with; null when nothing runs. */
  get hash(): string | null {
    return this.#open && this.#hash;
  }

  /** The running server, started by `launch` where none runs with this hash. All who ask meanwhile get the same. */
  async get(launch: { hash: string; target: DownstreamTarget; startTimeoutMs: number; idleMs: number }): Promise<Open> {
    if (this.#open && this.#hash !== launch.hash) await this.stop();
    this.#hash = launch.hash;
    const opening = (this.#open ??= this.#start(launch.target, launch.startTimeoutMs));
    try {
      const open = await opening;
      this.#stopLater(launch.idleMs);
      return open;
    } catch (error) {
      if (this.#open === opening) this.#open = null;
      throw error;
    }
  }

  /** Resolves when its process with all that it started is gone. */
  async stop(): Promise<void> {
    if (this.#idle) clearTimeout(this.#idle);
    const opening = this.#open;
    this.#open = null;
    this.#current = null;
    this.#starting.abort(new SpecloopError("tool_unavailable", `${this.#parts.server} was stopped.`));
    const open = await opening?.catch(() => null);
    await open?.downstream[Symbol.asyncDispose]();
  }

  async #start(target: DownstreamTarget, timeoutMs: number): Promise<Open> {
    const starting = (this.#starting = new AbortController());
    const options: OpenOptions = {
      timeoutMs,
      signal: starting.signal,
      maxMessageBytes: MAX_MESSAGE_BYTES,
      onNoise: (line) => this.#note(line),
      onToolsChanged: () => void this.#list(open),
      onClosed: (reason) => this.#lost(open, reason),
    };
    const started = performance.now();
    let open: Open | null = null;
    const downstream = await openDownstream(target, options);
    try {
      const left = Math.max(1000, timeoutMs - (performance.now() - started));
      const listed = await downstream.tools({ timeoutMs: left, signal: starting.signal });
      open = { downstream, tools: new Map(listed.map((tool) => [tool.name, tool])) };
    } catch (error) {
      await downstream[Symbol.asyncDispose]();
      throw error;
    }
    if (starting.signal.aborted) {
      await downstream[Symbol.asyncDispose]();
      throw starting.signal.reason;
    }
    this.#current = open;
    this.#parts.onTools(open.tools);
    return open;
  }

  /** A list that cannot be read any more leaves no tool that could be trusted. */
  async #list(open: Open | null): Promise<void> {
    if (!open || this.#current !== open) return;
    try {
      const timeoutMs = 10_000;
      const listed = await open.downstream.tools({ timeoutMs, signal: this.#starting.signal });
      open.tools = new Map(listed.map((tool) => [tool.name, tool]));
      this.#parts.onTools(open.tools);
    } catch (error) {
      this.#parts.logger.warn(
        { err: error, server: this.#parts.server },
        "a downstream server lists no tools any more",
      );
      if (this.#current === open) await this.stop();
    }
  }

  #lost(open: Open | null, reason: string): void {
    if (!open || this.#current !== open) return;
    void this.stop();
    this.#parts.onLost(reason);
  }

  #stopLater(idleMs: number): void {
    if (this.#idle) clearTimeout(this.#idle);
    const stop = () => void (this.#parts.isBusy() ? this.#stopLater(idleMs) : this.stop());
    this.#idle = setTimeout(stop, idleMs).unref();
  }

  /** What a server writes goes to the log, a little of it: a flood must not fill the disk. */
  #note(line: string): void {
    const now = performance.now();
    if (now - this.#noiseSince > MINUTE_MS) [this.#noise, this.#noiseSince] = [0, now];
    this.#noise += 1;
    const { server, logger } = this.#parts;
    if (this.#noise <= MAX_NOISE_LINES)
      logger.debug({ server, line: redact(line.slice(0, MAX_NOISE_CHARACTERS)) }, "a downstream server wrote");
    if (this.#noise === MAX_NOISE_LINES + 1) logger.warn({ server }, "a downstream server writes too much for the log");
  }
}

/** Waits for `work` no longer than the signal allows; the work itself goes on. */
export function until<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const stop = () => reject(asError(signal.reason));
  if (signal.aborted) stop();
  signal.addEventListener("abort", stop, { once: true });
  work.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  return promise;
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new SpecloopError("cancelled", "The call was cancelled.");
}
