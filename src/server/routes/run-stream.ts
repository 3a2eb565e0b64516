import { z } from "zod";
import { withhold } from "../../access/index.ts";
import { SpecloopError } from "../../foundation/errors.ts";
import type { EventBus, EventMap } from "../../foundation/events.ts";
import type { CallContext, Caller } from "../call.ts";
import type { DoorGate } from "../door-gate.ts";
import type { Exchange } from "../http-exchange.ts";

/** Clients at once. */
const MAX_CLIENTS = 64;
/** What may wait for a client that reads slowly; then it reads on from the table when it has caught up. */
const MAX_WAITING_BYTES = 256 * 1024;
/** A comment keeps the connection; another process may have moved the run meanwhile, so it is looked at, too. */
const KEEP_ALIVE_MS = 5000;

const page = z.object({
  events: z.array(
    z.object({ seq: z.int(), key: z.string().nullable(), type: z.string(), at: z.number(), data: z.unknown() }),
  ),
});
const ENDS = new Set(["run.succeeded", "run.failed", "run.cancelled", "run.undone"]);

const state = z.object({ state: z.string() });
const OVER = new Set(["succeeded", "failed", "cancelled", "undone"]);

interface StreamParts {
  caller: Caller;
  events: EventBus;
  gate?: Pick<DoorGate, "readable"> | undefined;
}

/**
 * `GET …/executions/{id}/events`: what happens in a run as server-sent events, from its beginning or after `Last-Event-ID`.
 * The events are rows that are kept, so nothing is missed, however long a client was away or however slowly it reads; how
 * far a node is (`progress`) is told live only. After the run's end the stream ends; who comes again then gets 204, at
 * which an `EventSource` stops.
 */
export class RunStream implements Disposable {
  readonly #parts: StreamParts;
  readonly #clients = new Set<Client>();

  constructor(parts: StreamParts) {
    this.#parts = parts;
  }

  async answer(exchange: Exchange, runId: string, context: CallContext): Promise<void> {
    if (this.#clients.size >= MAX_CLIENTS) {
      throw new SpecloopError("too_many_clients", `${MAX_CLIENTS} clients follow runs already.`);
    }
    const after = lastSeen(exchange);
    const { caller, events } = this.#parts;
    // Before the head is sent, so that what is wrong or forbidden is a status and not a silent stream.
    const run = state.parse((await caller.call("run_get", { run: runId }, context)).output);
    await caller.call("run_events", { run: runId, limit: 1 }, context);
    const read = (from: number) => this.#read({ run: runId, after: from }, context);
    const client = new Client(exchange, { runId, after, over: OVER.has(run.state), read });
    this.#clients.add(client);
    exchange.response.once("close", () => {
      client[Symbol.dispose]();
      this.#clients.delete(client);
    });
    try {
      await client.begin(events);
    } catch (error) {
      client[Symbol.dispose]();
      this.#clients.delete(client);
      throw error;
    }
  }

  [Symbol.dispose](): void {
    for (const client of this.#clients) client.end();
  }

  /** What was allowed once is read on beside the caller: it is one call, however much happens. */
  async #read(input: { run: string; after: number }, { principal, signal }: CallContext): Promise<unknown> {
    const { caller, gate } = this.#parts;
    const tool = caller.tools.find(({ name }) => name === "run_events");
    const output = (await tool?.run(input, { principal, signal })) ?? {};
    const reads = gate?.readable(principal) ?? null;
    return reads ? withhold(output, reads) : output;
  }
}

function lastSeen(exchange: Exchange): number {
  const text = exchange.header("last-event-id") ?? exchange.url.searchParams.get("after") ?? "0";
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new SpecloopError("bad_input", "The last event is a number.", { target: "Last-Event-ID" });
}

interface ClientParts {
  runId: string;
  after: number;
  /** The run had ended when the client came. */
  over: boolean;
  read(after: number): Promise<unknown>;
}

class Client implements Disposable {
  readonly #exchange: Exchange;
  readonly #parts: ClientParts;
  readonly #subscriptions = new DisposableStack();
  #seen: number;
  /** Whether more may have happened than was read. */
  #more = false;
  #reading = false;
  #over = false;

  constructor(exchange: Exchange, parts: ClientParts) {
    this.#exchange = exchange;
    this.#parts = parts;
    this.#seen = parts.after;
  }

  async begin(events: EventBus): Promise<void> {
    const { response } = this.#exchange;
    this.#listen(events);
    const first = await this.#next();
    if (this.#over) return;
    if (first.length === 0 && this.#parts.over) {
      response.writeHead(204).end();
      return;
    }
    this.#exchange.streams = true;
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
    response.write(": specloop\n\n");
    response.on("drain", () => this.#look());
    const keepAlive = setInterval(() => {
      if (!this.#over && response.writableLength === 0) response.write(": \n\n");
      this.#look();
    }, KEEP_ALIVE_MS).unref();
    this.#subscriptions.defer(() => clearInterval(keepAlive));
    this.#tell(first);
    this.#look();
  }

  end(): void {
    this[Symbol.dispose]();
    this.#exchange.response.end();
  }

  [Symbol.dispose](): void {
    this.#over = true;
    this.#subscriptions.dispose();
  }

  #listen(events: EventBus): void {
    const mine = ({ runId }: { runId: string }) => {
      if (runId === this.#parts.runId) this.#look();
    };
    for (const name of ["run.state_changed", "node.state_changed", "run.changed_elsewhere"] as const)
      this.#subscriptions.use(events.on(name, mine));
    this.#subscriptions.use(events.on("node.progressed", (progress) => this.#progress(progress)));
  }

  /** Reads what has come since, one page after the other, while the client keeps up. */
  #look(): void {
    this.#more = true;
    if (this.#reading || this.#over || !this.#exchange.streams) return;
    this.#reading = true;
    void this.#drain().finally(() => (this.#reading = false));
  }

  async #drain(): Promise<void> {
    try {
      while (this.#more && !this.#over && this.#exchange.response.writableLength < MAX_WAITING_BYTES) {
        this.#more = false;
        const events = await this.#next();
        if (events.length > 0) this.#more = true;
        if (!this.#over) this.#tell(events);
      }
    } catch {
      // The client comes again from where it was, and is told then what is wrong.
      this.end();
    }
  }

  async #next() {
    const { events } = page.parse(await this.#parts.read(this.#seen));
    return events;
  }

  #tell(events: z.output<typeof page>["events"]): void {
    for (const { seq, ...event } of events) {
      this.#exchange.response.write(`id: ${seq}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
      this.#seen = seq;
    }
    const last = events.at(-1);
    if (last && ENDS.has(last.type)) this.end();
  }

  #progress({ runId, key, share, what }: EventMap["node.progressed"]): void {
    const { response } = this.#exchange;
    if (runId !== this.#parts.runId || this.#over || !this.#exchange.streams) return;
    if (response.writableLength > 0) return;
    response.write(`event: progress\ndata: ${JSON.stringify({ key, share, what })}\n\n`);
  }
}
