import { newId } from "../foundation/ids.ts";
import { Purse } from "./budget.ts";
import type { NewAnswer } from "./insert.ts";
import type { LadderParts } from "./ladder.ts";
import type { Query, Responder, Response } from "./responders/responder.ts";
import type { Budget, Hop, Outcome, ResponderName, Route } from "./types.ts";

export interface Climb {
  query: Query;
  budget?: Budget | undefined;
  /** Only agents are asked. */
  agentsOnly?: boolean;
  /** Answers that were judged wrong or outdated. */
  rejected: Set<string>;
  /** Called before a responder that may take long, once. */
  beforeSlow(): Promise<void>;
  /** Called after each rung, in the order in which they end. */
  onHop(hop: Hop): void;
}

/** Why a climb ended before it came to its end: somebody answered, or time was up. */
export class ClimbEnded extends Error {
  readonly route: Route | null;

  constructor(message: string, route: Route | null) {
    super(message);
    this.route = route;
  }
}

type Answered = Extract<Response, { outcome: "answered" }>;
type Outcomes = Response | { outcome: "failed"; reason: string };

/** A responder that is at work. */
interface Running {
  name: ResponderName;
  /** Epoch and monotonic milliseconds. */
  at: number;
  begun: number;
  stop: AbortController;
  settled: Promise<Settled>;
}

interface Settled {
  running: Running;
  response: Outcomes;
}

/** One way up the ladder. A slow rung that takes longer than usual gets company: the first good answer counts. */
export class Ascent {
  readonly #parts: LadderParts;
  readonly #climb: Climb;
  readonly #signal: AbortSignal;
  readonly #purse: Purse;
  readonly #running = new Map<ResponderName, Running>();
  #held: { name: ResponderName; response: Answered } | null = null;
  #slow = false;

  constructor(parts: LadderParts, climb: Climb, signal: AbortSignal) {
    this.#parts = parts;
    this.#climb = climb;
    this.#signal = signal;
    this.#purse = new Purse(climb.budget);
  }

  async run(rungs: ResponderName[]): Promise<NewAnswer | null> {
    try {
      for (const [index, name] of rungs.entries()) {
        this.#signal.throwIfAborted();
        const objection = this.#purse.objection(this.#parts.pace.cost(name));
        if (objection !== null) {
          this.#tell({ responder: name, outcome: "skipped", at: this.#parts.clock.now(), ms: 0, reason: objection });
          continue;
        }
        await this.#begin(name);
        const answer = await this.#await(name, index === rungs.length - 1 ? null : this.#patience(name));
        if (answer) return answer;
      }
      while (this.#running.size > 0) {
        const answer = this.#take(await this.#next());
        if (answer) return answer;
      }
      return this.#held && toAnswer(this.#held.name, this.#held.response);
    } finally {
      this.#cancel();
    }
  }

  async #begin(name: ResponderName): Promise<void> {
    const responder = this.#parts.responders[name]!;
    if (responder.slow && !this.#slow) {
      this.#slow = true;
      await this.#climb.beforeSlow();
    }
    const { clock } = this.#parts;
    const stop = new AbortController();
    const signal = AbortSignal.any([this.#signal, stop.signal]);
    const times = { at: clock.now(), begun: clock.monotonic() };
    const work = this.#try(responder, signal);
    const running: Running = { name, ...times, stop, settled: work.then((response) => ({ running, response })) };
    this.#running.set(name, running);
  }

  /** Until this rung has ended without an answer, or has taken longer than `patience`; others may answer meanwhile. */
  async #await(name: ResponderName, patience: number | null): Promise<NewAnswer | null> {
    using late = patience === null ? null : this.#after(patience);
    while (this.#running.has(name)) {
      const settled = await this.#next(late?.promise);
      if (settled === null) return null;
      const answer = this.#take(settled);
      if (answer) return answer;
    }
    return null;
  }

  /** The next responder that ends; null when `late` resolves first. Rejects as soon as the climb is aborted. */
  async #next(late?: Promise<null>): Promise<Settled | null> {
    const gone = Promise.withResolvers<never>();
    const leave = () => gone.reject(this.#signal.reason);
    this.#signal.throwIfAborted();
    this.#signal.addEventListener("abort", leave, { once: true });
    try {
      const waiting = [...this.#running.values()].map(({ settled }) => settled);
      return await Promise.race([...waiting, gone.promise, ...(late ? [late] : [])]);
    } finally {
      this.#signal.removeEventListener("abort", leave);
    }
  }

  #after(ms: number): { promise: Promise<null> } & Disposable {
    const over = new AbortController();
    const promise = this.#parts.clock.sleep(ms, over.signal).then(
      () => null,
      () => null,
    );
    return { promise, [Symbol.dispose]: () => over.abort() };
  }

  /** Milliseconds that a rung has for itself; null where the next one waits for its end. */
  #patience(name: ResponderName): number | null {
    const { responders, options, pace } = this.#parts;
    const { enabled, toolMs, agentMs, modelMs } = options.current.hedging;
    const first: Partial<Record<ResponderName, number>> = { tool: toolMs, agent: agentMs, model: modelMs };
    if (!enabled || !responders[name]!.slow) return null;
    return pace.patience(name, first[name] ?? modelMs);
  }

  /** Records how a rung ended; the answer when it ends the climb. */
  #take(settled: Settled | null): NewAnswer | null {
    if (settled === null) return null;
    const { running, response } = settled;
    const { name, at } = running;
    this.#running.delete(name);
    const ms = this.#parts.clock.monotonic() - running.begun;
    const cost = "cost" in response ? response.cost : undefined;
    this.#purse.spend(cost);
    const outcome = this.#outcomeOf(response);
    this.#tell({ responder: name, outcome, at, ms, reason: reasonOf(response), ...(cost && { cost }) });
    if (response.outcome !== "answered") return null;
    if (outcome === "answered") return toAnswer(name, response);
    if (!this.#held || this.#held.response.confidence < response.confidence) this.#held = { name, response };
    return null;
  }

  #outcomeOf(response: Outcomes): Outcome {
    const unsure = response.outcome === "answered" && response.confidence < this.#parts.options.current.holdBelow;
    return unsure ? "held" : response.outcome;
  }

  /** Whoever is still at work is told to stop; why stands in its rung. */
  #cancel(): void {
    const ended: unknown = this.#signal.aborted ? this.#signal.reason : null;
    const route = ended instanceof ClimbEnded ? ended.route : null;
    const reason = ended instanceof Error ? ended.message : "another one answered first";
    for (const { name, at, begun, stop } of this.#running.values()) {
      stop.abort(new ClimbEnded(reason, route));
      const ms = this.#parts.clock.monotonic() - begun;
      this.#tell({ responder: name, outcome: route === name ? "answered" : "cancelled", at, ms, reason });
    }
    this.#running.clear();
  }

  #tell(hop: Hop): void {
    this.#parts.pace.learn(hop);
    this.#climb.onHop(hop);
  }

  async #try(responder: Responder, signal: AbortSignal): Promise<Outcomes> {
    const { query, rejected } = this.#climb;
    try {
      const response = await responder.respond(query, signal);
      if (response.outcome === "answered" && rejected.has(response.text)) {
        const reason = "this answer was judged wrong or outdated before";
        return { outcome: "declined", reason, ...(response.cost && { cost: response.cost }) };
      }
      return response;
    } catch (error) {
      if (!signal.aborted) this.#parts.logger.warn({ err: error, responder: responder.name }, "a responder failed");
      return { outcome: "failed", reason: error instanceof Error ? error.message : String(error) };
    }
  }
}

function reasonOf(response: Outcomes): string {
  if (response.outcome !== "answered") return response.reason;
  const places = response.citations.map(({ path, startLine }) => `${path}:${startLine}`);
  const note = response.note === undefined ? [] : [response.note];
  return [`confidence ${response.confidence.toFixed(2)}`, ...note, ...places].join(", ");
}

function toAnswer(route: ResponderName, response: Answered): NewAnswer {
  const { text, citations, confidence, by = `system:${route}`, derivedFrom } = response;
  return { id: newId("a"), text, citations, confidence, route, by, ...(derivedFrom && { derivedFrom }) };
}
