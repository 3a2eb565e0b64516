/** Neighbouring buckets are a tenth apart, so that a quantile read from them is at most 5 % beside the true one. */
const GROWTH = 1.1;
/** Where what cost nothing goes. */
const NOTHING = -1000;

/** The bucket of an amount that is not negative. */
export function bucketOf(amount: number): number {
  return amount <= 0 ? NOTHING : Math.max(NOTHING + 1, Math.ceil(Math.log(amount) / Math.log(GROWTH)));
}

/** The amount that stands for a bucket. */
export function amountOf(bucket: number): number {
  return bucket <= NOTHING ? 0 : GROWTH ** (bucket - 0.5);
}

/** How amounts are spread: how many of each bucket. */
export type Histogram = ReadonlyMap<number, number>;

export function countOf(histogram: Histogram): number {
  return histogram.values().reduce((sum, count) => sum + count, 0);
}

/** The amount that this share 0..1 of them does not exceed (nearest rank), within 5 %; null of none. */
export function quantileOf(histogram: Histogram, share: number): number | null {
  let left = Math.max(1, Math.ceil(countOf(histogram) * share));
  for (const [bucket, count] of [...histogram].toSorted(([a], [b]) => a - b)) {
    left -= count;
    if (left <= 0) return amountOf(bucket);
  }
  return null;
}
