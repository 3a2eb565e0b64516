/** Middle value; NaN for no values. Values need not be sorted. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** Quantile by linear interpolation between order statistics (Hyndman & Fan type 7); NaN for no values. */
export function quantile(values: readonly number[], share: number): number {
  if (values.length === 0) return Number.NaN;
  const sorted = Float64Array.from(values).sort();
  const place = (sorted.length - 1) * share;
  const low = Math.floor(place);
  const high = Math.min(low + 1, sorted.length - 1);
  return sorted[low]! + (sorted[high]! - sorted[low]!) * (place - low);
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Chance of at least `wins` heads in `n` tosses of a fair coin: the exact one-sided sign test; 1 when n is 0. */
export function signTest(wins: number, n: number): number {
  if (n === 0 || wins <= 0) return 1;
  let sum = 0;
  // Logarithm of n over k, from k = n downwards.
  let choose = 0;
  for (let k = n; k >= wins; k -= 1) {
    sum += Math.exp(choose - n * Math.LN2);
    choose += Math.log(k / (n - k + 1));
  }
  return Math.min(1, sum);
}

/**
 * Exact one-sided McNemar test: of the pairs that differ, `gained` went from bad to good and `lost` from good to bad.
 * Pairs that agree carry no information about the direction, so this is the sign test on the rest.
 */
export function mcnemar(gained: number, lost: number): number {
  return signTest(gained, gained + lost);
}

/**
 * How many more pairs the same proportions would need before the one-sided test reaches `alpha`. Null when the pairs
 * do not lean to the good side, so that no number would do (or more than 10,000).
 */
export function pairsNeeded(gained: number, lost: number, pairs: number, alpha: number): number | null {
  if (gained <= lost || pairs === 0) return null;
  const reaches = (total: number) => {
    const scale = total / pairs;
    return mcnemar(Math.floor(gained * scale), Math.ceil(lost * scale)) <= alpha;
  };
  let high = pairs + 1;
  while (!reaches(high)) {
    high = Math.ceil(high * 1.3);
    if (high > pairs + MOST_PAIRS) return null;
  }
  let low = Math.max(pairs, Math.floor(high / 1.3));
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (reaches(middle)) high = middle;
    else low = middle;
  }
  return high - pairs;
}

/** More missing pairs than these are not worth waiting for. */
const MOST_PAIRS = 10_000;

/**
 * Share of `alpha` that look number `look` (from 1) may use: 1/2, 1/6, 1/12 … The shares add up to `alpha`, so by the
 * union bound looking again and again keeps the chance of a false "kept" below it, and no look is ever the last.
 */
export function alphaAtLook(alpha: number, look: number): number {
  return alpha / (look * (look + 1));
}

/** Limits of a chart of individual values (XmR). */
export interface ChartLimits {
  centre: number;
  upper: number;
  lower: number;
  /** Correlation of neighbours that the limits were widened for, 0..0.9. */
  lag1: number;
}

/** Mean moving range of a normal variable over its standard deviation (Shewhart's d2 for two values). */
const D2 = 1.128;

/**
 * XmR limits at three standard deviations. Neighbours that resemble each other make moving ranges too small by
 * sqrt(1 - r), which gives false alarms; the estimate is divided by it.
 */
export function chartLimits(values: readonly number[]): ChartLimits {
  const centre = mean(values);
  const ranges = values.slice(1).map((value, index) => Math.abs(value - values[index]!));
  const lag1 = Math.min(0.9, Math.max(0, lagOne(values, centre)));
  const sigma = mean(ranges) / D2 / Math.sqrt(1 - lag1);
  return { centre, upper: centre + 3 * sigma, lower: centre - 3 * sigma, lag1 };
}

function lagOne(values: readonly number[], centre: number): number {
  let product = 0;
  let square = 0;
  for (let i = 0; i < values.length; i += 1) {
    const here = values[i]! - centre;
    square += here * here;
    if (i > 0) product += here * (values[i - 1]! - centre);
  }
  return square === 0 ? 0 : product / square;
}

/** Random numbers in [0, 1) that depend on the seed alone (mulberry32), for an order that can be repeated. */
export function seededRandom(seed: string): () => number {
  let state = 0x811c9dc5;
  for (const character of seed) state = Math.imul(state ^ character.codePointAt(0)!, 0x01000193);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
