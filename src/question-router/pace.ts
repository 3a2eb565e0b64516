import type { Cost, Hop, ResponderName } from "./types.ts";

/** Runs of one responder that are remembered: enough for a p95, few enough to follow a change of its speed. */
const REMEMBERED = 100;
/** Fewer answers say nothing about a p95. */
const ENOUGH = 20;
const SHORTEST_MS = 50;
const LONGEST_MS = 600_000;
/** What is reckoned with before anything was measured: a prompt with six sections and its answer. */
const FIRST_GUESS: Partial<Record<string, Cost>> = { model: { tokensIn: 3500, tokensOut: 500, usd: null } };
const FREE: Cost = { tokensIn: 0, tokensOut: 0, usd: 0 };

interface Known {
  /** Milliseconds of the answers it gave. */
  times: number[];
  costs: Cost[];
}

/** How long each responder usually takes and what it usually uses, learnt from what it did. */
export class Pace {
  readonly #known = new Map<string, Known>();

  learn({ responder, outcome, ms, cost }: Pick<Hop, "responder" | "outcome" | "ms" | "cost">): void {
    const known = this.#known.get(responder) ?? { times: [], costs: [] };
    this.#known.set(responder, known);
    if (outcome === "answered" || outcome === "held") keep(known.times, ms);
    if (outcome !== "skipped" && outcome !== "cancelled" && cost) keep(known.costs, cost);
  }

  /** Milliseconds after which it is later than usual: its p95, or `firstMs` before enough is known. */
  patience(responder: ResponderName, firstMs: number): number {
    const times = this.#known.get(responder)?.times ?? [];
    if (times.length < ENOUGH) return firstMs;
    return Math.min(Math.max(quantile(times, 0.95), SHORTEST_MS), LONGEST_MS);
  }

  /** What a run may be reckoned with: the p95 of each part; money is null where a price was not known. */
  cost(responder: ResponderName): Cost {
    const costs = this.#known.get(responder)?.costs ?? [];
    if (costs.length === 0) return FIRST_GUESS[responder] ?? FREE;
    const prices = costs.map(({ usd }) => usd);
    return {
      tokensIn: quantile(
        costs.map(({ tokensIn }) => tokensIn),
        0.95,
      ),
      tokensOut: quantile(
        costs.map(({ tokensOut }) => tokensOut),
        0.95,
      ),
      usd: prices.every((price) => price !== null) ? quantile(prices, 0.95) : null,
    };
  }
}

function keep<T>(list: T[], value: T): void {
  list.push(value);
  if (list.length > REMEMBERED) list.shift();
}

/** The smallest value that at least this share of all does not exceed. */
function quantile(values: number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
}
