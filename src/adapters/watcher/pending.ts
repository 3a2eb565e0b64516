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

  /** When the newest and the oldest event came. */
  get times(): { first: number; last: number } {
    return { first: this.#first ?? 0, last: this.#last };
  }

  add(path: string, now: number): void {
    if (this.#paths.size <= MANY) this.#paths.add(path);
    this.#touch(now);
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
    return batch;
  }

  #touch(now: number): void {
    this.#first ??= now;
    this.#last = now;
  }
}
