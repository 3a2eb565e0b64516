/** Neighbouring buckets differ by this factor, so a quantile is off by at most 2 %. */
const GAMMA = 1.04;
const LOG_GAMMA = Math.log(GAMMA);
/** Bucket of everything that is not above 0. */
const ZERO = -10_000;

/**
 * Counts of values in buckets that grow by 4 % each: quantiles within 2 % of the true ones, and two of them merge by adding
 * (the idea of DDSketch, Masson, Rim and Lee 2019). A few dozen buckets for a metric's usual spread, at most 1,800 for all
 * numbers from 1e-12 to 1e18.
 */
export class Sketch {
  readonly #counts: Map<number, number>;

  constructor(counts: Iterable<readonly [bucket: number, count: number]> = []) {
    this.#counts = new Map(counts);
  }

  add(value: number): void {
    const bucket = value > 0 ? Math.min(1100, Math.max(-720, Math.ceil(Math.log(value) / LOG_GAMMA))) : ZERO;
    this.#counts.set(bucket, (this.#counts.get(bucket) ?? 0) + 1);
  }

  merge(other: Sketch): void {
    for (const [bucket, count] of other.#counts) this.#counts.set(bucket, (this.#counts.get(bucket) ?? 0) + count);
  }

  /** The value below which `share` of the values lie, NaN without values. Bounds known better are kept. */
  quantile(share: number, { min, max }: { min: number; max: number }): number {
    const buckets = [...this.#counts].sort(([a], [b]) => a - b);
    const total = buckets.reduce((sum, [, count]) => sum + count, 0);
    let left = share * (total - 1);
    for (const [bucket, count] of buckets) {
      left -= count;
      if (left < 0) return Math.min(max, Math.max(min, middleOf(bucket)));
    }
    return total === 0 ? Number.NaN : max;
  }

  /** `bucket:count` with spaces between. */
  toText(): string {
    return Array.from(this.#counts, ([bucket, count]) => `${bucket}:${count}`).join(" ");
  }

  static fromText(text: string): Sketch {
    const parts = text === "" ? [] : text.split(" ");
    return new Sketch(
      parts.map((part) => {
        const [bucket, count] = part.split(":");
        return [Number(bucket), Number(count)] as const;
      }),
    );
  }
}

/** The value that is at most 2 % from every value of the bucket. */
function middleOf(bucket: number): number {
  return bucket === ZERO ? 0 : (2 * GAMMA ** bucket) / (GAMMA + 1);
}
