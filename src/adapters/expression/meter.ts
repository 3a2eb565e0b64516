/**
 * What one evaluation may do at most. A unit is the evaluation of one node of the expression, one item of a list or eight
 * characters that an operation goes through: some 0.1 µs, so that the slowest expression takes a fraction of a second.
 */
export const MAX_WORK = 1_000_000;

/** Counts work. Exhausted it stays so until it is reset: `||` and `exists` go on after an error of one side. */
export class Meter {
  #left = MAX_WORK;
  /** Made once, since it may be thrown for each item of a list. */
  readonly #error = new Error("too much work");

  reset(): void {
    this.#left = MAX_WORK;
  }

  get exhausted(): boolean {
    return this.#left < 0;
  }

  charge(units: number): void {
    this.#left -= units;
    if (this.#left < 0) throw this.#error;
  }

  /** For what an operation goes through once: a text's characters, a list's items and theirs. */
  chargeFor(value: unknown): void {
    if (typeof value === "string") this.charge(value.length >> 3);
    else if (Array.isArray(value)) {
      for (const item of value as unknown[]) this.charge(typeof item === "string" ? 1 + (item.length >> 3) : 1);
    } else if (typeof value === "object" && value !== null) this.charge(Object.keys(value).length);
  }

  /** For what is compared: everything in it. */
  chargeForAll(value: unknown, depth = 0): void {
    if (typeof value === "string") return this.charge(value.length >> 3);
    if (typeof value !== "object" || value === null) return;
    if (depth > MAX_DEPTH) return this.charge(MAX_WORK + 1);
    const items: unknown[] = Array.isArray(value) ? value : Object.values(value);
    this.charge(items.length + 1);
    for (const item of items) this.chargeForAll(item, depth + 1);
  }
}

/** Deeper data cannot be compared: the library does it by recursion. */
const MAX_DEPTH = 200;
