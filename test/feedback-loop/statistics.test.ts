import { expect, test } from "vitest";
import {
  alphaAtLook,
  chartLimits,
  mcnemar,
  median,
  pairsNeeded,
  quantile,
  seededRandom,
  signTest,
} from "../../src/feedback-loop/statistics.ts";

test("quantiles are those of R's default type", () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 3, 2])).toBe(2.5);
  // Between the 4th and 5th of five values: 4 + 0.8 * 6
  expect(quantile([10, 1, 2, 3, 4], 0.95)).toBeCloseTo(8.8, 10);
  expect(median([])).toBeNaN();
});

test("the sign test gives the binomial's exact tail", () => {
  // (45 + 10 + 1) of 2^10 outcomes
  expect(signTest(8, 10)).toBeCloseTo(56 / 1024, 12);
  expect(signTest(10, 10)).toBeCloseTo(1 / 1024, 12);
  expect(signTest(0, 10)).toBe(1);
  expect(signTest(0, 0)).toBe(1);
  // Sum of the binomial coefficients 200 over 120…200 by 2^200, in whole numbers
  const ways = Array.from({ length: 81 }, (_, index) => choose(200n, BigInt(120 + index))).reduce((a, b) => a + b);
  const exact = Number((ways * 10n ** 18n) / 2n ** 200n) / 1e18;
  expect(signTest(120, 200)).toBeCloseTo(exact, 12);
  expect(signTest(5000, 10_000)).toBeGreaterThan(0.5);
});

test("McNemar's exact test sees only pairs that differ", () => {
  expect(mcnemar(5, 0)).toBeCloseTo(1 / 32, 12);
  expect(mcnemar(9, 1)).toBeCloseTo(11 / 1024, 12);
  expect(mcnemar(0, 0)).toBe(1);
});

test("all looks together spend no more than alpha", () => {
  const spent = Array.from({ length: 2000 }, (_, index) => alphaAtLook(0.05, index + 1)).reduce((a, b) => a + b, 0);
  expect(spent).toBeLessThanOrEqual(0.05 + 1e-12);
  expect(spent).toBeGreaterThan(0.0499);
});

test("the pairs still needed are enough, and none are promised where pairs lean to the wrong side", () => {
  const more = pairsNeeded(3, 1, 20, 0.05)!;
  const scale = (20 + more) / 20;
  expect(mcnemar(Math.floor(3 * scale), Math.ceil(scale))).toBeLessThanOrEqual(0.05);
  expect(pairsNeeded(2, 2, 20, 0.05)).toBeNull();
  expect(pairsNeeded(0, 3, 20, 0.05)).toBeNull();
});

test("chart limits widen when neighbours resemble each other", () => {
  const random = seededRandom("limits");
  const noise = Array.from({ length: 400 }, () => gaussian(random));
  let level = 0;
  const walking = noise.map((step) => (level = 0.7 * level + step * Math.sqrt(1 - 0.49)));
  const plain = chartLimits(noise);
  const corrected = chartLimits(walking);
  expect(plain.lag1).toBeLessThan(0.15);
  expect((plain.upper - plain.centre) / 3).toBeCloseTo(1, 0);
  expect(corrected.lag1).toBeGreaterThan(0.5);
  // Both series have standard deviation 1; without the correction this one's limits would be about half as wide.
  expect((corrected.upper - corrected.centre) / 3).toBeGreaterThan(0.8);
});

test("the same seed gives the same order", () => {
  const [a, b, c] = ["one", "one", "two"].map((seed) => Array.from({ length: 5 }, seededRandom(seed)));
  expect(a).toEqual(b);
  expect(a).not.toEqual(c);
  expect(a!.every((value) => value >= 0 && value < 1)).toBe(true);
});

function choose(n: bigint, k: bigint): bigint {
  let result = 1n;
  for (let i = 1n; i <= k; i += 1n) result = (result * (n - k + i)) / i;
  return result;
}

function gaussian(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
