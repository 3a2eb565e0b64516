import type { Clock } from "../foundation/clock.ts";
import type { Emitter } from "../foundation/events.ts";
import type { Live } from "../foundation/options.ts";
import { type Principal, principalLabel } from "../foundation/principal.ts";
import type { AnswerCache, Lookup } from "./cache.ts";
import { within } from "./deadline.ts";
import type { Draft, Flights } from "./flights.ts";
import type { Freshness } from "./freshness.ts";
import type { Ledger, Recording } from "./ledger.ts";
import type { QuestionOptions } from "./options.ts";
import type { AskTelemetry } from "./telemetry.ts";
import { type Answer, type AskResult, type Hop, type QuestionView, questionResource } from "./types.ts";
import type { Waiters } from "./waiters.ts";

interface Dependencies {
  ledger: Ledger;
  cache: AnswerCache;
  flights: Flights;
  freshness: Freshness;
  waiters: Waiters;
  telemetry: AskTelemetry;
  events: Emitter;
  clock: Clock;
  options: Live<QuestionOptions>;
  /** Aborted when the daemon begins to stop: whoever waits is told at once what there is. */
  closing: AbortSignal;
}

export interface Ask {
  draft: Draft;
  /** Undefined: as long as the model takes, up to `questions.waitMs`, but not for people. */
  waitMs: number | undefined;
  principal: Principal;
  /** Monotonic milliseconds at which the ask began. */
  started: number;
  record: Recording;
}

/**
 * One ask from beginning to end. What must not be lost is written by the flight (a new question, its answer) in the core
 * database before the caller hears of it. An answer out of the cache accepts nothing new (its question and answer are
 * rows already), so only its statistics are written, to the telemetry database.
 */
export class Asking {
  readonly #deps: Dependencies;

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies;
  }

  async ask(ask: Ask, signal: AbortSignal): Promise<AskResult> {
    const { cache } = this.#deps;
    const { moment } = cache;
    const lookup = await cache.find(ask.draft);
    if (lookup.outcome === "miss") {
      // Who was answered while the rows were read has left its climb: without a second look the same is climbed for again.
      return cache.changedSince(moment, ask.draft) ? this.ask(ask, signal) : this.#climb(ask, lookup, signal);
    }
    const reason = await this.#deps.freshness.fault(ask.draft, lookup.answer, signal);
    if (reason === null) return this.#fromCache(ask, lookup);
    const given = await this.#deps.ledger.answersByKey(ask.draft.key);
    const rejected = given.filter(({ verdict }) => verdict === "wrong" || verdict === "outdated");
    const texts = new Set(rejected.map(({ answer }) => answer.text));
    return this.#climb(ask, { outcome: "miss", reason, rejected: texts }, signal);
  }

  /** Waits for a question to be closed by anybody, at most `ms`. */
  async waitFor(questionId: string, ms: number, signal?: AbortSignal): Promise<QuestionView> {
    const { ledger, waiters, clock } = this.#deps;
    using waiting = waiters.on(questionId);
    const view = await ledger.view(questionId, clock.now());
    if (view.status !== "pending" || ms <= 0) return view;
    await this.#within(Math.min(ms, Math.max(0, view.expiresAt - clock.now())), waiting.closed, signal);
    return ledger.view(questionId, clock.now());
  }

  /** A recorded question as the result of an ask. */
  asResult(view: QuestionView, { hops, ms }: { hops: Hop[]; ms: number }): AskResult {
    const { questionId, status, answer } = view;
    if (answer) return { status: "answered", questionId, answer, cached: false, ms, hops };
    if (status === "expired") return { status: "expired", questionId };
    return { status: "pending", questionId, hops, resource: questionResource(questionId) };
  }

  async #fromCache(
    { draft, principal, started }: Ask,
    { questionId, answer }: Extract<Lookup, { outcome: "hit" }>,
  ): Promise<AskResult> {
    const { clock, events } = this.#deps;
    const ms = clock.monotonic() - started;
    const hop: Hop = { responder: "cache", outcome: "answered", ms, reason: `answered by ${answer.by} before` };
    const asker = principalLabel(principal);
    events.emit("question.asked", { questionId, kind: draft.kind, principal, text: draft.text });
    events.emit("question.hop_finished", { questionId, responder: "cache", outcome: "answered", ms });
    events.emit("question.answered", {
      questionId,
      route: "cache",
      cached: true,
      ms,
      principal: { kind: "system", name: "cache" },
    });
    await this.#deps.telemetry.record({
      questionId,
      at: clock.now(),
      asker,
      status: "answered",
      route: "cache",
      cached: true,
      ms,
    });
    return { status: "answered", questionId, answer: { ...answer, route: "cache" }, cached: true, ms, hops: [hop] };
  }

  async #climb(ask: Ask, miss: Extract<Lookup, { outcome: "miss" }>, signal: AbortSignal): Promise<AskResult> {
    const { draft, principal, started, record, waitMs } = ask;
    const { flights, clock, options } = this.#deps;
    const { flight, mine } = flights.join(draft, principal, { miss, record });
    const questionId = await untilGone(flight.accepted, signal);
    const left = (waitMs ?? options.current.waitMs) - (clock.monotonic() - started);
    const answer = (await this.#within(Math.max(0, left), flight.done, signal)) ?? null;
    const ms = clock.monotonic() - started;
    if (!mine) this.#tellJoined(ask, { questionId, answer, ms });
    const view = answer ? null : await this.#afterLadder(questionId, ask, signal);
    const result: AskResult = view
      ? this.asResult(view, { hops: [...flight.hops], ms: clock.monotonic() - started })
      : { status: "answered", questionId, answer: answer!, cached: false, ms, hops: [...flight.hops] };
    await this.#record(ask, result);
    return result;
  }

  /** Who said how long to wait waits for people, too. */
  async #afterLadder(questionId: string, { waitMs, started }: Ask, signal: AbortSignal): Promise<QuestionView> {
    const left = (waitMs ?? 0) - (this.#deps.clock.monotonic() - started);
    return this.waitFor(questionId, left, signal);
  }

  async #within<T>(ms: number, work: Promise<T>, signal?: AbortSignal): Promise<T | undefined> {
    const { clock, closing } = this.#deps;
    const closed = Promise.withResolvers<undefined>();
    const end = () => closed.resolve(undefined);
    closing.addEventListener("abort", end, { once: true });
    try {
      return await within(clock, closing.aborted ? 0 : ms, Promise.race([work, closed.promise]), signal);
    } finally {
      closing.removeEventListener("abort", end);
    }
  }

  #tellJoined(
    { draft, principal }: Ask,
    { questionId, answer, ms }: { questionId: string; answer: Answer | null; ms: number },
  ): void {
    const { events } = this.#deps;
    events.emit("question.asked", { questionId, kind: draft.kind, principal, text: draft.text });
    if (!answer) return;
    const by = { kind: "system", name: answer.route } as const;
    events.emit("question.answered", { questionId, route: answer.route, cached: false, ms, principal: by });
  }

  async #record({ principal, started }: Ask, result: AskResult): Promise<void> {
    const { clock, telemetry } = this.#deps;
    const route = result.status === "answered" ? result.answer.route : null;
    const { questionId, status } = result;
    const ms = clock.monotonic() - started;
    await telemetry.record({
      questionId,
      at: clock.now(),
      asker: principalLabel(principal),
      status,
      route,
      cached: false,
      ms,
    });
  }
}

/** Rejects with the signal's reason as soon as the caller goes away; the work goes on. */
async function untilGone<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const gone = Promise.withResolvers<never>();
  const leave = () => gone.reject(signal.reason);
  signal.addEventListener("abort", leave, { once: true });
  try {
    return await Promise.race([work, gone.promise]);
  } finally {
    signal.removeEventListener("abort", leave);
  }
}
