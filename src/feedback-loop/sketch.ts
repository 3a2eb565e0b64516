/** Neighbouring buckets differ by this factor, so a quantile is off by at most 2 %. */
const GAMMA = 1.04;
const LOG_GAMMA = Math.log(GAMMA);
/** Bucket of everything that is not above 0. */
const ZERO = -10_000;
const [DIGIT_0, DIGIT_9, MINUS, COLON] = [48, 57, 45, 58];

/**
 * Counts of values in buckets that grow by 4 % each: quantiles within 2 % of the true ones, and two of them merge by adding
 * (the idea of DDSketch, Masson, Rim and Lee 2019). A few dozen buckets for a metric's usual spread, at most 1,800 for all
 * numbers from 1e-12 to 1e18.
 */
export class Sketch {
  readonly #counts = new Map<number, number>();

  add(value: number): void {
    const bucket = value > 0 ? Math.min(1100, Math.max(-720, Math.ceil(Math.log(value) / LOG_GAMMA))) : ZERO;
    this.#counts.set(bucket, (this.#counts.get(bucket) ?? 0) + 1);
  }

  merge(other: Sketch): void {
    for (const [bucket, count] of other.#counts) this.#counts.set(bucket, (this.#counts.get(bucket) ?? 0) + count);
  }

  /** Quantiles as `statistics.ts` takes them, of these shares; NaN without values. Known bounds are kept. */
  quantiles(shares: readonly number[], { min, max }: { min: number; max: number }): number[] {
    const buckets = [...this.#counts].sort(([a], [b]) => a - b);
    const total = buckets.reduce((sum, [, count]) => sum + count, 0);
    if (total === 0) return shares.map(() => Number.NaN);
    const at = (rank: number) => Math.min(max, Math.max(min, middleOf(bucketAt(buckets, rank))));
    return shares.map((share) => {
      const place = share * (total - 1);
      const low = Math.floor(place);
      const [below, above] = [at(low), at(Math.ceil(place))];
      return below + (above - below) * (place - low);
    });
  }

  /** `bucket:count` with spaces between. */
  toText(): string {
    return Array.from(this.#counts, ([bucket, count]) => `${bucket}:${count}`).join(" ");
  }

  static fromText(text: string): Sketch {
    const sketch = new Sketch();
    sketch.addText(text);
    return sketch;
  }

  /** Adds what `toText` gave. Reads digits itself: figures over a quarter of a year read a million numbers here. */
  addText(text: string): void {
    let bucket = 0;
    let number = 0;
    let sign = 1;
    for (let index = 0; index <= text.length; index += 1) {
      const code = text.charCodeAt(index);
      if (code >= DIGIT_0 && code <= DIGIT_9) number = number * 10 + code - DIGIT_0;
      else if (code === MINUS) sign = -1;
      else {
        if (code === COLON) bucket = sign * number;
        else if (number > 0) this.#counts.set(bucket, (this.#counts.get(bucket) ?? 0) + number);
        number = 0;
        sign = 1;
      }
    }
  }
}

/** The bucket of the value that is `rank`-th from below, counted from 0. */
function bucketAt(buckets: (readonly [bucket: number, count: number])[], rank: number): number {
  let left = rank;
  for (const [bucket, count] of buckets) {
    if (left < count) return bucket;
    left -= count;
  }
  return buckets.at(-1)![0];
}

/** The value that is at most 2 % from every value of the bucket. */
function middleOf(bucket: number): number {
  return bucket === ZERO ? 0 : (2 * GAMMA ** bucket) / (GAMMA + 1);
}
