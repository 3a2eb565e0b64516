import type { Clock } from "../foundation/clock.ts";
import type { Logger } from "../foundation/logger.ts";

interface Parts {
  clock: Clock;
  logger: Logger;
  /** Closes what is past its time; resolves with the time at which the next one is due, null for none. */
  expire(): Promise<number | null>;
}

/** How often it is looked at the latest: other daemons may have accepted questions into the same database. */
const LONGEST_MS = 60_000;

/** Closes questions when their time has come. */
export class Expiry implements AsyncDisposable {
  readonly #parts: Parts;
  readonly #life = new AbortController();
  #wake = new AbortController();
  #next = Number.POSITIVE_INFINITY;
  #running: Promise<void> | null = null;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async start(): Promise<void> {
    await this.#expire();
    this.#running = this.#run();
  }

  /** A question was accepted that expires at this time. */
  due(at: number): void {
    if (at >= this.#next) return;
    this.#next = at;
    this.#wake.abort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#life.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock, logger } = this.#parts;
    while (!this.#life.signal.aborted) {
      this.#wake = new AbortController();
      const ms = Math.min(LONGEST_MS, Math.max(0, this.#next - clock.now()));
      await clock.sleep(ms, AbortSignal.any([this.#life.signal, this.#wake.signal])).catch(() => {});
      if (this.#life.signal.aborted) return;
      // A question that comes earlier than all others only shortens the sleep.
      if (this.#wake.signal.aborted) continue;
      try {
        await this.#expire();
      } catch (error) {
        this.#next = Number.POSITIVE_INFINITY;
        logger.error({ err: error }, "questions could not be expired, or old records not be dropped");
      }
    }
  }

  async #expire(): Promise<void> {
    this.#next = (await this.#parts.expire()) ?? Number.POSITIVE_INFINITY;
  }
}
