import type { SettledBatch } from "./port.ts";

/** More paths than this are not worth following one by one. */
const MANY = 200;

/** What moved since the last batch was handed over. */
export class Pending {
  #paths = new Set<string>();
  #refsMoved = false;
  #everything = false;
  #first: number | null = null;
  #last = 0;

  get isEmpty(): boolean {
    return this.#first === null;
  }

  /** When the oldest event came, and from when on it counts as quiet: the newest one, or later by its grace. */
  get times(): { first: number; last: number } {
    return { first: this.#first ?? 0, last: this.#last };
  }

  /** `grace`: milliseconds for which more is to be expected whatever comes. */
  add(path: string, now: number, grace = 0): void {
    if (this.#paths.size <= MANY) this.#paths.add(path);
    this.#touch(now, grace);
  }

  refs(now: number): void {
    this.#refsMoved = true;
    this.#touch(now);
  }

  everything(now: number): void {
    this.#everything = true;
    this.#touch(now);
  }

  /** The batch, and an empty start for the next. A moved branch may have moved any file. */
  take(now: number): SettledBatch {
    const everything = this.#everything || this.#refsMoved || this.#paths.size > MANY;
    const batch = { paths: this.#paths, refsMoved: this.#refsMoved, everything, ms: now - (this.#first ?? now) };
    this.#paths = new Set();
    this.#refsMoved = false;
    this.#everything = false;
    this.#first = null;
    this.#last = 0;
    return batch;
  }

  #touch(now: number, grace = 0): void {
    this.#first ??= now;
    this.#last = Math.max(this.#last, now + grace);
  }
}
