import type { Store } from "../../adapters/store/index.ts";
import type { Clock } from "../../foundation/clock.ts";
import type { EventBus } from "../../foundation/events.ts";
import { type Logger, redact } from "../../foundation/logger.ts";
import { METRICS } from "../metrics/index.ts";
import { SampleWriter, type NewSample } from "../samples.ts";
import type { QuestionFactRow, SampleTables } from "../tables.ts";

/** Samples wait this long at most before they are written. */
const FLUSH_MS = 1000;
/** Samples that are written at once without waiting. */
const FLUSH_ROWS = 2000;
/** Samples kept while the disk cannot be written; older ones are given up. */
const MAX_WAITING = 50_000;
const MAX_TEXT = 2000;

interface MonitorDependencies {
  samples: Store<SampleTables>;
  events: EventBus;
  clock: Clock;
  logger: Logger;
}

/** First step of the loop: hangs every metric on its events and keeps the samples. Costs an event a push to a list. */
export class Monitor implements AsyncDisposable {
  readonly #dependencies: MonitorDependencies;
  readonly #writer: SampleWriter;
  readonly #listeners: Disposable[] = [];
  readonly #stop = new AbortController();
  #waiting: NewSample[] = [];
  #facts = new Map<string, QuestionFactRow>();
  #timer: Promise<void> | null = null;
  #flushing: Promise<void> = Promise.resolve();
  #lost = 0;
  /** The last write failed: the next one is tried by the timer, not by every further sample. */
  #failing = false;

  constructor(dependencies: MonitorDependencies) {
    this.#dependencies = dependencies;
    this.#writer = new SampleWriter(dependencies.samples);
  }

  /** Samples that were given up because the store could not be written. */
  get lost(): number {
    return this.#lost;
  }

  async start(): Promise<void> {
    await this.#writer.load();
    for (const metric of METRICS) {
      for (const { event, read } of metric.sources) {
        this.#listeners.push(this.#dependencies.events.on(event, (payload) => this.#take(metric.name, read(payload))));
      }
    }
    this.#followQuestions();
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

  #take(metric: string, reading: { value: number; ref: string | null; labels?: Record<string, string> } | null): void {
    if (!reading || !Number.isFinite(reading.value)) return;
    const { value, ref, labels } = reading;
    const kept = labels && Object.keys(labels).length > 0 ? JSON.stringify(labels) : null;
    this.#waiting.push({ metric, value, at: this.#dependencies.clock.now(), ref, labels: kept });
    this.#schedule();
  }

  #followQuestions(): void {
    const { events, clock } = this.#dependencies;
    const note = (question_id: string, fact: Partial<QuestionFactRow> & { state: string }) => {
      const known = this.#facts.get(question_id);
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
    if (this.#waiting.length === FLUSH_ROWS && !this.#failing) void this.flush();
    else this.#timer ??= this.#waitAndFlush();
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

  async #write(): Promise<void> {
    const [samples, facts] = [this.#waiting, this.#facts];
    if (samples.length === 0 && facts.size === 0) return;
    this.#waiting = [];
    this.#facts = new Map();
    try {
      await this.#writer.write(samples, [...facts.values()]);
      this.#failing = false;
    } catch (error) {
      this.#failing = true;
      this.#keep(samples, facts);
      this.#dependencies.logger.warn({ err: error, waiting: this.#waiting.length }, "samples could not be written");
    }
  }

  #keep(samples: NewSample[], facts: Map<string, QuestionFactRow>): void {
    const all = [...samples, ...this.#waiting];
    this.#lost += Math.max(0, all.length - MAX_WAITING);
    this.#waiting = all.slice(-MAX_WAITING);
    this.#facts = new Map([...facts, ...this.#facts]);
    this.#timer ??= this.#waitAndFlush();
  }
}
