import type { Retry } from "../plan.ts";

/** Milliseconds before the next attempt after `retries` were used; `random` is 0..1. */
export function delayBefore({ delayMs, factor, maxDelayMs, jitter }: Retry, retries: number, random: number): number {
  const grown = Math.min(delayMs * factor ** retries, maxDelayMs);
  return Math.round(grown * (1 - jitter * random));
}
