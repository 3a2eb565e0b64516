/** One similar answer and what became of it. */
export interface Observation {
  similarity: number;
  right: boolean;
}

/** How steeply the chance of being right rises with similarity. */
const STEEPNESS = 40;
/** Where a new entry's boundary is believed to be, and how surely, before anything was judged. */
const SPREAD = 0.05;
const STEPS = 200;
/** The boundary is taken from the upper end of what is believed: 19 of 20 would lie below. */
const CAUTION = 0.95;

/**
 * The similarity from which an entry's answer is given, learnt from what was judged of it: the chance of being right at
 * similarity s is a logistic curve around the entry's own boundary t; the belief about t starts around the given default
 * and is updated by each verdict (Bayes over a grid); the threshold is where the curve of a cautious t reaches
 * `1 - targetError`. After vCache (arXiv 2502.03771), which learns such a curve per entry with an error bound; no boundary
 * is right for all entries. A wrong answer raises it above its own similarity in any case; useful ones lower it, never
 * below `floor`. A value above 1 means that the entry is not given any more.
 */
export function learntThreshold(
  observations: readonly Observation[],
  { start, floor, targetError }: { start: number; floor: number; targetError: number },
): number {
  if (observations.length === 0) return start;
  const margin = Math.log((1 - targetError) / targetError) / STEEPNESS;
  // Without verdicts the cautious end of the belief gives `start` itself.
  const centre = start - margin - 1.645 * SPREAD;
  const belief = grid().map((t) => ({ t, weight: Math.exp(-((t - centre) ** 2) / (2 * SPREAD ** 2)) }));
  for (const { similarity, right } of observations) {
    for (const point of belief) {
      const chance = 1 / (1 + Math.exp(-STEEPNESS * (similarity - point.t)));
      point.weight *= right ? chance : 1 - chance;
    }
  }
  const wrong = observations.filter(({ right }) => !right).map(({ similarity }) => similarity);
  const lowest = wrong.length === 0 ? floor : Math.max(floor, Math.max(...wrong) + 1 / STEPS);
  return Math.max(lowest, cautious(belief) + margin);
}

function grid(): number[] {
  return Array.from({ length: 2 * STEPS + 1 }, (_, step) => step / STEPS - 0.5);
}

function cautious(belief: { t: number; weight: number }[]): number {
  const total = belief.reduce((sum, { weight }) => sum + weight, 0);
  if (!(total > 0)) return 1.5;
  let sum = 0;
  for (const { t, weight } of belief) {
    sum += weight;
    if (sum >= CAUTION * total) return t;
  }
  return 1.5;
}
