import { METRICS, type Metric } from "./metrics/index.ts";

/** Upper bounds of histogram buckets in seconds: from a cache hit to a change that waits for days. */
const BOUNDS = [0.005, 0.025, 0.1, 0.25, 1, 5, 30, 300, 3600, 86_400];

interface Total {
  count: number;
  sum: number;
  /** Not cumulated: values up to each bound, and above the last. */
  buckets: number[];
}

/**
 * What Prometheus scrapes: counters and histograms since this process began, because a scraper wants to see a restart.
 * Times are histograms in seconds; everything else is a counter of its sum beside one of its samples. The number of
 * lines is bounded by the label sets.
 */
export class Exposition {
  readonly #totals = new Map<string, Map<string, Total>>(METRICS.map(({ name }) => [name, new Map()]));

  /** `labels`: canonical JSON as `LabelSets` gives it. */
  add(metric: Metric, labels: string, value: number): void {
    const totals = this.#totals.get(metric.name);
    if (!totals) return;
    let total = totals.get(labels);
    if (!total) totals.set(labels, (total = { count: 0, sum: 0, buckets: BOUNDS.map(() => 0) }));
    total.count += 1;
    if (metric.unit !== "ms") {
      total.sum += value;
      return;
    }
    const seconds = value / 1000;
    total.sum += seconds;
    const place = BOUNDS.findIndex((bound) => seconds <= bound);
    if (place >= 0) total.buckets[place]! += 1;
  }

  /** Text format 0.0.4. `notKept`: samples without rows, `version`: of this program. */
  text({ version, notKept }: { version: string; notKept: number }): string {
    const lines = [
      ...family("specloop_info", "gauge", "The version of specloop that runs."),
      `specloop_info{version="${escapeValue(version)}"} 1`,
      ...family("specloop_samples_not_kept_total", "counter", "Samples that figures count but no row was kept of."),
      `specloop_samples_not_kept_total ${notKept}`,
    ];
    for (const metric of METRICS) {
      const totals = this.#totals.get(metric.name)!;
      if (totals.size > 0) lines.push(...(metric.unit === "ms" ? histogram(metric, totals) : counters(metric, totals)));
    }
    return `${lines.join("\n")}\n`;
  }
}

function histogram(metric: Metric, totals: Map<string, Total>): string[] {
  const name = `${nameOf(metric)}_seconds`;
  const lines = family(name, "histogram", metric.what);
  for (const [labels, { count, sum, buckets }] of totals) {
    const pairs = pairsOf(labels);
    let below = 0;
    for (const [index, bound] of BOUNDS.entries()) {
      below += buckets[index]!;
      lines.push(`${name}_bucket${braced([...pairs, `le="${bound}"`])} ${below}`);
    }
    lines.push(`${name}_bucket${braced([...pairs, 'le="+Inf"'])} ${count}`);
    lines.push(`${name}_sum${braced(pairs)} ${sum}`, `${name}_count${braced(pairs)} ${count}`);
  }
  return lines;
}

/** A share is its sum by its samples: `rate(x_total[5m]) / rate(x_samples_total[5m])`. */
function counters(metric: Metric, totals: Map<string, Total>): string[] {
  const name = nameOf(metric);
  const all = [...totals];
  return [
    ...family(`${name}_total`, "counter", `${metric.what} Sum of the samples.`),
    ...all.map(([labels, { sum }]) => `${name}_total${braced(pairsOf(labels))} ${sum}`),
    ...family(`${name}_samples_total`, "counter", `${metric.what} Number of the samples.`),
    ...all.map(([labels, { count }]) => `${name}_samples_total${braced(pairsOf(labels))} ${count}`),
  ];
}

function family(name: string, type: "counter" | "gauge" | "histogram", help: string): string[] {
  return [`# HELP ${name} ${help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}`, `# TYPE ${name} ${type}`];
}

function nameOf({ name, unit }: Metric): string {
  const base = `specloop_${name.replaceAll(".", "_")}`;
  return unit === "usd" ? `${base}_usd` : base;
}

function pairsOf(labels: string): string[] {
  if (labels === "") return [];
  return Object.entries(JSON.parse(labels) as Record<string, string>).map(
    ([name, value]) => `${name}="${escapeValue(value)}"`,
  );
}

function escapeValue(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

function braced(pairs: string[]): string {
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}
