import { randomUUID } from "node:crypto";
import type pg from "pg";
import type { Logger } from "../../foundation/logger.ts";
import { connect, type Driver, loadDriver, type PostgresAddress } from "./postgres-connection.ts";

/** What one daemon tells the others that share its store. Hints: the rows are the truth, and a hint may be lost. */
export interface Notices extends AsyncDisposable {
  /** Tells the others; at most 7,000 characters. */
  post(topic: string, id: string): void;
  /** Hears what others posted. */
  on(topic: string, heard: (id: string) => void): Disposable;
  /** Called after a loss of the connection: whatever was posted meanwhile was missed. */
  onGap(listener: () => void): Disposable;
}

/** For a store that nobody shares. */
export function noNotices(): Notices {
  const nothing = { [Symbol.dispose]: () => {} };
  return { post: () => {}, on: () => nothing, onGap: () => nothing, [Symbol.asyncDispose]: async () => {} };
}

const RETRY_MS = 1000;
const PING_MS = 15_000;
/** How long the end waits for what is being said. */
const LAST_WORD_MS = 1000;

interface Message {
  from: string;
  topic: string;
  id: string;
}

/** LISTEN and NOTIFY on a channel that is named like the schema; connects again by itself. */
export async function listenOnPostgres(address: PostgresAddress, logger: Logger): Promise<Notices> {
  const notices = new PostgresNotices(await loadDriver(), address, logger);
  await notices.open();
  return notices;
}

class PostgresNotices implements Notices {
  readonly #driver: Driver;
  readonly #address: PostgresAddress;
  readonly #logger: Logger;
  readonly #self = randomUUID();
  readonly #listeners = new Map<string, Set<(id: string) => void>>();
  readonly #gaps = new Set<() => void>();
  #client: pg.Client | null = null;
  #timer: NodeJS.Timeout | null = null;
  #closed = false;
  #last: Promise<unknown> = Promise.resolve();

  constructor(driver: Driver, address: PostgresAddress, logger: Logger) {
    this.#driver = driver;
    this.#address = address;
    this.#logger = logger;
  }

  async open(): Promise<void> {
    const client = await connect(this.#driver, this.#address, `LISTEN "${this.#address.schema}"`);
    if (this.#closed) return client.end();
    const lost = () => this.#lost(client);
    client.on("error", lost);
    client.on("end", lost);
    client.on("notification", ({ payload }) => this.#hear(payload ?? ""));
    this.#client = client;
    // A connection that a network swallowed is noticed by asking on it.
    this.#timer = setInterval(() => void this.#say("SELECT 1").catch(lost), PING_MS).unref();
  }

  post(topic: string, id: string): void {
    const message: Message = { from: this.#self, topic, id };
    this.#say("SELECT pg_notify($1, $2)", [this.#address.schema, JSON.stringify(message)]).catch((error: unknown) =>
      this.#logger.warn({ err: error, topic }, "others could not be told"),
    );
  }

  /** One after the other, as the driver wants it. */
  #say(statement: string, values: string[] = []): Promise<unknown> {
    const said = this.#last.then(() => this.#client?.query(statement, values));
    this.#last = said.catch(() => {});
    return said;
  }

  on(topic: string, heard: (id: string) => void): Disposable {
    const listeners = this.#listeners.get(topic) ?? new Set();
    this.#listeners.set(topic, listeners.add(heard));
    return { [Symbol.dispose]: () => void listeners.delete(heard) };
  }

  onGap(listener: () => void): Disposable {
    this.#gaps.add(listener);
    return { [Symbol.dispose]: () => void this.#gaps.delete(listener) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    if (this.#timer) clearInterval(this.#timer);
    await Promise.race([this.#last, new Promise((resolve) => setTimeout(resolve, LAST_WORD_MS).unref())]);
    await this.#client?.end().catch(() => {});
  }

  #hear(payload: string): void {
    const message = parse(payload);
    if (!message || message.from === this.#self) return;
    for (const heard of this.#listeners.get(message.topic) ?? []) heard(message.id);
  }

  #lost(client: pg.Client): void {
    if (this.#client !== client || this.#closed) return;
    this.#client = null;
    this.#last = Promise.resolve();
    if (this.#timer) clearInterval(this.#timer);
    client.end().catch(() => {});
    void this.#reopen();
  }

  async #reopen(): Promise<void> {
    while (!this.#closed && !this.#client) {
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS).unref());
      await this.open().catch((error: unknown) => this.#logger.warn({ err: error }, "the team's store is away"));
    }
    for (const listener of this.#gaps) listener();
  }
}

/** Anybody who may write to the database may post: what is not ours is left aside. */
function parse(payload: string): Message | null {
  try {
    const { from, topic, id } = JSON.parse(payload) as Record<string, unknown>;
    return typeof from === "string" && typeof topic === "string" && typeof id === "string" ? { from, topic, id } : null;
  } catch {
    return null;
  }
}
