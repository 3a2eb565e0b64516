import type { EventBus, EventName } from "../../foundation/events.ts";
import { SpecloopError } from "../../foundation/errors.ts";
import type { Exchange } from "../http-exchange.ts";

/** Clients at once. */
const MAX_CLIENTS = 64;
/** What may wait for a client that reads slowly; beyond it events are left out and counted. */
const MAX_WAITING_BYTES = 1024 * 1024;
const KEEP_ALIVE_MS = 15_000;

/**
 * `GET /events`: every event of the bus as server-sent events, from now on. A client that reads too slowly gets
 * `event: missed` with how many it lost, so that it can read the state anew; it never makes the daemon grow.
 */
export class EventStream implements Disposable {
  readonly #events: EventBus;
  readonly #clients = new Set<EventClient>();

  constructor(events: EventBus) {
    this.#events = events;
  }

  answer(exchange: Exchange): void {
    if (this.#clients.size >= MAX_CLIENTS) {
      throw new SpecloopError("too_many_clients", `${MAX_CLIENTS} clients read the events already.`);
    }
    const client = new EventClient(exchange, this.#events);
    this.#clients.add(client);
    exchange.streams = true;
    exchange.response.once("close", () => {
      client[Symbol.dispose]();
      this.#clients.delete(client);
    });
  }

  [Symbol.dispose](): void {
    for (const client of this.#clients) client.end();
  }
}

class EventClient implements Disposable {
  readonly #exchange: Exchange;
  readonly #subscription: Disposable;
  readonly #keepAlive: NodeJS.Timeout;
  #number = 0;
  #missed = 0;

  constructor(exchange: Exchange, events: EventBus) {
    this.#exchange = exchange;
    exchange.response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
    exchange.response.write(": specloop\n\n");
    exchange.response.on("drain", () => this.#tellMissed());
    this.#subscription = events.onAny((name, payload) => this.#send(name, payload));
    this.#keepAlive = setInterval(() => exchange.response.write(": \n\n"), KEEP_ALIVE_MS);
    this.#keepAlive.unref();
  }

  /** Nothing may be written after the end, and a slow reader keeps the response open for a while. */
  end(): void {
    this[Symbol.dispose]();
    this.#exchange.response.end();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#keepAlive);
    this.#subscription[Symbol.dispose]();
  }

  #send(name: EventName, payload: unknown): void {
    const { response } = this.#exchange;
    this.#number += 1;
    if (response.writableLength > MAX_WAITING_BYTES || this.#missed > 0) this.#missed += 1;
    else response.write(`id: ${this.#number}\nevent: ${name}\ndata: ${JSON.stringify(payload)}\n\n`);
  }

  #tellMissed(): void {
    if (this.#missed === 0 || this.#exchange.response.writableEnded) return;
    this.#exchange.response.write(
      `id: ${this.#number}\nevent: missed\ndata: ${JSON.stringify({ count: this.#missed })}\n\n`,
    );
    this.#missed = 0;
  }
}
