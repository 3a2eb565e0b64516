import type { Store } from "../adapters/store/index.ts";
import type { Clock } from "../foundation/clock.ts";
import { SpecloopError } from "../foundation/errors.ts";
import { metricFigures, samplesOf, type MetricFigures } from "./figures.ts";
import { METRICS, metricNamed, type Metric } from "./metrics/index.ts";
import { windowFigures, windowOf, type Window, type WindowFigures } from "./samples-window.ts";
import type { SampleRow, SampleTables } from "./tables.ts";

interface Source {
  flush(): Promise<void>;
  scrape(): string;
}

/** Where figures are asked for. Everything that was told before is in them. */
export class MetricDesk {
  readonly #samples: Store<SampleTables>;
  readonly #clock: Clock;
  readonly #source: Source;

  constructor(samples: Store<SampleTables>, clock: Clock, source: Source) {
    this.#samples = samples;
    this.#clock = clock;
    this.#source = source;
  }

  /** Every metric as a whole over the last days; `of` narrows it to names that begin so. `bad_input` when none does. */
  async list(days: number, of = ""): Promise<{ window: Window; metrics: ({ metric: Metric } & WindowFigures)[] }> {
    const chosen = METRICS.filter(({ name }) => name.startsWith(of));
    if (chosen.length === 0) throw noMetric(of);
    await this.#source.flush();
    const window = windowOf(days, this.#clock.now());
    const figures = await windowFigures(this.#samples.read, chosen, window, { byLabels: false });
    return { window, metrics: chosen.map((metric) => ({ metric, ...figures.get(metric.name)! })) };
  }

  /** `bad_input` for a metric that does not exist. `points`: batches of 20 samples. */
  async figures(
    name: string,
    { points, days }: { points: number; days: number },
  ): Promise<MetricFigures & { metric: Metric; window: Window }> {
    const metric = known(name);
    await this.#source.flush();
    const window = windowOf(days, this.#clock.now());
    return { metric, window, ...(await metricFigures(this.#samples.read, metric, { points, window })) };
  }

  /** The samples behind a figure, newest first; `before` is the id to go on from. */
  async rows(name: string, page: RowsPage): Promise<{ metric: Metric; rows: SampleRow[] }> {
    const metric = known(name);
    await this.#source.flush();
    const { limit, before, label } = page;
    const since = page.days === undefined ? undefined : windowOf(page.days, this.#clock.now()).since;
    return { metric, rows: await samplesOf(this.#samples.read, metric.name, { limit, before, since, label }) };
  }

  /** Prometheus' text format. */
  scrape(): string {
    return this.#source.scrape();
  }
}

export interface RowsPage {
  limit: number;
  before?: number | undefined;
  /** As for the figure that is asked about: the same stretch of time. */
  days?: number | undefined;
  label?: { name: string; value: string } | undefined;
}

function known(name: string): Metric {
  const metric = metricNamed(name);
  if (metric) return metric;
  throw noMetric(name);
}

function noMetric(name: string): SpecloopError {
  const names = METRICS.map((each) => each.name).join(", ");
  return new SpecloopError("bad_input", `There is no metric ${name.slice(0, 100)}.`, {
    target: "metric",
    fix: `Use one of ${names}.`,
  });
}
