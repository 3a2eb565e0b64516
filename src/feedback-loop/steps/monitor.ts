import type { Store } from "../../adapters/store/index.ts";
import type { Clock } from "../../foundation/clock.ts";
import type { EventBus } from "../../foundation/events.ts";
import { type Logger, redact } from "../../foundation/logger.ts";
import { VERSION } from "../../foundation/version.ts";
import { Exposition } from "../exposition.ts";
import { METRICS, type Metric } from "../metrics/index.ts";
import type { Reading } from "../metrics/metric.ts";
import { Past } from "../samples-earlier.ts";
import { LabelSets } from "../samples-labels.ts";
import { DAY_MS, OpenHours } from "../samples-rollup.ts";
import { type Aside, SampleWriter, type NewSample } from "../samples.ts";
import type { QuestionFactRow, SampleTables } from "../tables.ts";

/** Samples wait this long at most before they are written. */
const FLUSH_MS = 1000;
/** Samples that are written at once without waiting, and the most that go into one transaction. */
const FLUSH_ROWS = 2000;
/** Rows kept while they come faster than the disk takes them, or it takes none; of further samples only sums are kept. */
const MAX_WAITING = 50_000;
const MAX_FACTS = 10_000;
const MAX_TEXT = 2000;

interface MonitorDependencies {
  samples: Store<SampleTables>;
  events: EventBus;
  clock: Clock;
  logger: Logger;
}

/**
 * First step of the loop: hangs every metric on its events and keeps the samples. Costs an event a push to a list and a
 * count; nothing is written while an event is told. What waits is bounded, whatever comes: beyond the bound samples still
 * count in the sums and have no row.
 */
export class Monitor implements AsyncDisposable {
  readonly #dependencies: MonitorDependencies;
  readonly #writer: SampleWriter;
  readonly #listeners: Disposable[] = [];
  readonly #stop = new AbortController();
  readonly #labels = new LabelSets();
  readonly #past = new Past();
  readonly #hours = new OpenHours();
  readonly #exposition = new Exposition();
  #waiting: NewSample[] = [];
  #facts = new Map<string, QuestionFactRow>();
  #timer: Promise<void> | null = null;
  #flushing: Promise<void> = Promise.resolve();
  #writing = false;
  #lost = 0;
  /** The last write failed: the next one is tried by the timer, not by every further sample. */
  #failing = false;

  constructor(dependencies: MonitorDependencies) {
    this.#dependencies = dependencies;
    this.#writer = new SampleWriter(dependencies.samples);
  }

  /** Samples of which no row was kept: too many came at once, or the store could not be written. */
  get lost(): number {
    return this.#lost;
  }

  async start(): Promise<void> {
    const { samples, events, clock } = this.#dependencies;
    await this.#writer.load();
    await this.#past.load(samples.read);
    const today = clock.now() - (clock.now() % DAY_MS);
    const sets = samples.read.selectFrom("metric_rollups").select(["metric", "labels"]).distinct();
    for (const { metric, labels } of await sets.where("level", "=", "day").where("start", ">=", today).execute())
      this.#labels.know(metric, labels);
    for (const metric of METRICS) {
      for (const { event, read } of metric.sources) {
        this.#listeners.push(events.on(event, (payload) => this.#take(metric, read(payload, this.#past))));
      }
    }
    this.#followQuestions();
  }

  /** Prometheus' text format, since this process began. */
  scrape(): string {
    return this.#exposition.text({ version: VERSION, notKept: this.#lost });
  }

  /** Writes what waits; resolves when it is durable, or when it could not be written and waits on. */
  flush(): Promise<void> {
    this.#flushing = this.#flushing.then(() => this.#write());
    return this.#flushing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const listener of this.#listeners) listener[Symbol.dispose]();
    this.#stop.abort();
    await this.flush();
    await this.#timer;
  }

  #take(metric: Metric, reading: Reading | null): void {
    if (!reading || !Number.isFinite(reading.value)) return;
    const { value, ref, labels } = reading;
    const at = this.#dependencies.clock.now();
    const set = this.#labels.of(metric, labels);
    this.#hours.add(metric.name, set, { value, at });
    this.#exposition.add(metric, set, value);
    const kept = labels && Object.keys(labels).length > 0 ? JSON.stringify(labels) : null;
    if (this.#waiting.length < MAX_WAITING) this.#waiting.push({ metric: metric.name, value, at, ref, labels: kept });
    else this.#lost += 1;
    this.#schedule();
  }

  #followQuestions(): void {
    const { events, clock } = this.#dependencies;
    const note = (question_id: string, fact: Partial<QuestionFactRow> & { state: string }) => {
      const known = this.#facts.get(question_id);
      if (!known && this.#facts.size >= MAX_FACTS) return;
      const blank = { question_id, text: "", kind: "", route: null, at: clock.now() };
      this.#facts.set(question_id, { ...blank, ...known, ...fact });
      this.#schedule();
    };
    this.#listeners.push(
      events.on("question.asked", ({ questionId, text, kind }) =>
        note(questionId, { state: "asked", text: redact(text.slice(0, MAX_TEXT)), kind }),
      ),
      events.on("question.left_pending", ({ questionId, text }) =>
        note(questionId, { state: "pending", text: redact(text.slice(0, MAX_TEXT)) }),
      ),
      events.on("question.answered", ({ questionId, route, cached }) =>
        note(questionId, { state: "answered", route: cached ? "cache" : route }),
      ),
      events.on("question.expired", ({ questionId }) => note(questionId, { state: "expired" })),
    );
  }

  #schedule(): void {
    if (this.#waiting.length >= FLUSH_ROWS && !this.#failing && !this.#writing) {
      this.#writing = true;
      void this.flush();
    } else this.#timer ??= this.#waitAndFlush();
  }

  async #waitAndFlush(): Promise<void> {
    try {
      await this.#dependencies.clock.sleep(FLUSH_MS, this.#stop.signal);
    } catch {
      // Stopped: disposal flushes.
      return;
    }
    this.#timer = null;
    await this.flush();
  }

  /** Sums go with the first rows: a crash between two transactions leaves rows missing, and no sum counted twice. */
  async #write(): Promise<void> {
    const samples = this.#waiting;
    const facts = this.#facts;
    let aside: Aside = { questions: [...facts.values()], hours: this.#hours.take(), marks: this.#past.take() };
    this.#waiting = [];
    this.#facts = new Map();
    let done = 0;
    try {
      while (done < samples.length || !isEmpty(aside)) {
        await this.#writer.write(samples.slice(done, done + FLUSH_ROWS), aside);
        done += FLUSH_ROWS;
        aside = {};
      }
      this.#failing = false;
    } catch (error) {
      this.#failing = true;
      this.#keep(samples.slice(done), aside);
      this.#dependencies.logger.warn({ err: error, waiting: this.#waiting.length }, "samples could not be written");
    }
    this.#writing = false;
  }

  #keep(samples: NewSample[], { questions = [], hours = [], marks = [] }: Aside): void {
    const all = [...samples, ...this.#waiting];
    this.#lost += Math.max(0, all.length - MAX_WAITING);
    this.#waiting = all.slice(-MAX_WAITING);
    const older = questions.slice(0, MAX_FACTS).map((fact) => [fact.question_id, fact] as const);
    this.#facts = new Map([...older, ...this.#facts]);
    this.#hours.putBack(hours);
    this.#past.putBack(marks);
    this.#timer ??= this.#waitAndFlush();
  }
}

function isEmpty({ questions = [], hours = [], marks = [] }: Aside): boolean {
  return questions.length + hours.length + marks.length === 0;
}
