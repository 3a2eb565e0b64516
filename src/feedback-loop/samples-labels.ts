import type { Metric } from "./metrics/index.ts";

/** Label sets of one metric that are told apart; further ones are one. */
const MOST_SETS = 40;
const MAX_VALUE = 60;

/**
 * Label sets as canonical JSON, of bounded number: a metric's first 40 sets are told apart, whatever comes later is
 * `other`, so that neither tables nor scrapes grow with what happens in a repository.
 */
export class LabelSets {
  readonly #known = new Map<string, Set<string>>();

  /** Makes a set known that was told apart before a restart. */
  know(metric: string, labels: string): void {
    this.#setsOf(metric).add(labels);
  }

  /** JSON of the metric's own labels among the given ones, in their declared order; empty for none. */
  of(metric: Metric, given: Record<string, string> | undefined): string {
    const named = metric.labels.filter((label) => given?.[label] !== undefined);
    if (given === undefined || named.length === 0) return "";
    const labels = JSON.stringify(Object.fromEntries(named.map((label) => [label, given[label]!.slice(0, MAX_VALUE)])));
    const known = this.#setsOf(metric.name);
    if (known.has(labels)) return labels;
    if (known.size >= MOST_SETS) return JSON.stringify(Object.fromEntries(named.map((label) => [label, "other"])));
    known.add(labels);
    return labels;
  }

  #setsOf(metric: string): Set<string> {
    const known = this.#known.get(metric) ?? new Set();
    this.#known.set(metric, known);
    return known;
  }
}
