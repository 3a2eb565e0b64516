interface Bucket {
  tokens: number;
  at: number;
}

/** More callers than this are not remembered: the one that was quiet for longest starts anew. */
const MAX_BUCKETS = 10_000;
const MINUTE_MS = 60_000;

/**
 * Token buckets, one per caller: `rate` calls may come at once, then they come back evenly over a minute. Times are
 * monotonic milliseconds, so that a clock which is set back gives nothing.
 */
export class RateLimiter {
  readonly #buckets = new Map<string, Bucket>();

  /** Takes one call; returns 0, or after how many milliseconds the next one is possible. */
  take(caller: string, rate: number, now: number): number {
    const bucket = this.#buckets.get(caller) ?? { tokens: rate, at: now };
    const tokens = Math.min(rate, bucket.tokens + ((now - bucket.at) * rate) / MINUTE_MS);
    const allowed = tokens >= 1;
    // Set anew, so that the order of the map is the order of last use.
    this.#buckets.delete(caller);
    this.#buckets.set(caller, { tokens: allowed ? tokens - 1 : tokens, at: now });
    if (this.#buckets.size > MAX_BUCKETS) this.#forgetOldest();
    return allowed ? 0 : Math.ceil(((1 - tokens) * MINUTE_MS) / rate);
  }

  #forgetOldest(): void {
    const [oldest] = this.#buckets.keys();
    if (oldest !== undefined) this.#buckets.delete(oldest);
  }
}
