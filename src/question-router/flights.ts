import type { Clock } from "../foundation/clock.ts";
import { SpecloopError } from "../foundation/errors.ts";
import type { Emitter } from "../foundation/events.ts";
import type { Live } from "../foundation/options.ts";
import type { Principal } from "../foundation/principal.ts";
import { type Accepting, accept, type Stored } from "./accepting.ts";
import { workerKey } from "./agents/index.ts";
import { ClimbEnded } from "./ascent.ts";
import type { AnswerCache, Lookup } from "./cache.ts";
import { timeoutSignal } from "./deadline.ts";
import type { Ladder } from "./ladder.ts";
import type { NewAnswer } from "./insert.ts";
import type { Ledger, Recording } from "./ledger.ts";
import type { QuestionOptions } from "./options.ts";
import { ownGist } from "./similar/entries.ts";
import type { Gist } from "./similar/gist.ts";
import type { AskTelemetry } from "./telemetry.ts";
import { Turns } from "./turns.ts";
import type { Answer, Budget, Hop, Kind } from "./types.ts";
import type { Waiters } from "./waiters.ts";

interface Dependencies {
  ledger: Ledger;
  ladder: Ladder;
  cache: AnswerCache;
  waiters: Waiters;
  telemetry: AskTelemetry;
  events: Emitter;
  clock: Clock;
  options: Live<QuestionOptions>;
  /** Called with the time at which a new question expires. */
  due: (at: number) => void;
}

export interface Draft {
  text: string;
  kind: Kind;
  change: string | null;
  key: string;
  /** Where a view narrower than everybody's looks besides: what everybody was answered. */
  shared?: string;
  /** As a responder gets them. */
  mayRead?: (path: string) => boolean;
  before?: { question: string; answer: string | null }[];
  /** Milliseconds until it expires, and what answering may cost; the policy's when absent. */
  deadlineMs?: number;
  budget?: Budget;
  /** Agents alone are asked, this many, or for one of these answers. */
  quorum?: number;
  choices?: string[];
}

/** One climb of the ladder that everybody who asks the same at the same time shares. */
export interface Flight {
  /** Settles as soon as the question is accepted: from then on its id survives a crash. */
  accepted: Promise<string>;
  /** The answer, or null when the ladder gave none. */
  done: Promise<Answer | null>;
  /** What was tried so far. */
  hops: Hop[];
}

/** The climbs that are on their way, one per key. */
export class Flights {
  readonly #deps: Dependencies;
  readonly #flights = new Map<string, Flight>();
  readonly #life = new AbortController();
  readonly #turns: Turns;

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies;
    this.#turns = new Turns(dependencies.clock);
  }

  /**
   * The climb for this question: the one that is on its way, or a new one. `mine` says which. Throws
   * `too_many_questions` when as many are on their way as there may be.
   */
  join(
    draft: Draft,
    principal: Principal,
    start: { miss: Extract<Lookup, { outcome: "miss" }>; record: Recording },
  ): { flight: Flight; mine: boolean } {
    const known = this.#flights.get(draft.key);
    if (known) return { flight: known, mine: false };
    this.#checkRoom();
    const accepted = Promise.withResolvers<string>();
    const hops: Hop[] = [];
    const done = this.#climb({ draft, principal, ...start, hops, kept: 0, accepted: accepted.resolve });
    done
      .catch(accepted.reject)
      .finally(() => this.#flights.delete(draft.key))
      .catch(() => {});
    // Whoever waits hears of a failure; with nobody waiting it must not end the process.
    accepted.promise.catch(() => {});
    const flight = { accepted: accepted.promise, done, hops };
    this.#flights.set(draft.key, flight);
    return { flight, mine: true };
  }

  /** Stops climbing and waits until what was begun has been put down. */
  async stop(): Promise<void> {
    this.#life.abort(new SpecloopError("daemon_stopping", "The daemon is stopping; the question stays pending."));
    await Promise.allSettled([...this.#flights.values()].map(({ done }) => done));
  }

  #checkRoom(): void {
    const { maxFlights } = this.#deps.options.current;
    if (this.#flights.size < maxFlights) return;
    throw new SpecloopError("too_many_questions", `${maxFlights} questions are being answered already.`, {
      details: { maxFlights },
    });
  }

  async #climb(climb: ClimbRequest): Promise<Answer | null> {
    const { ledger, clock, events } = this.#deps;
    const { draft, hops, miss } = climb;
    await this.#turns.next();
    const started = clock.monotonic();
    const known = await ledger.openQuestion(draft.key, clock.now());
    const gist = ownGist(draft);
    const accepting = accept(this.#deps, { ...climb, gist }, known);
    const { id } = accepting;
    events.emit("question.asked", { questionId: id, kind: draft.kind, principal: climb.principal, text: draft.text });
    const told = (hop: Hop) => {
      hops.push(this.#told(id, hop));
      // A slow climb may be cut by a crash, and people look at its route meanwhile.
      if (accepting.isPending()) void this.#keepHops(id, climb);
    };
    told({ responder: "cache", outcome: "declined", at: clock.now(), ms: 0, reason: miss.reason });
    const ms = () => clock.monotonic() - started;
    try {
      const answer = await this.#ascend({ ...climb, gist }, { accepting, told });
      if (answer) return this.#answered(climb, await accepting.answered(answer), { id, ms: ms() });
      await accepting.pending();
      if (known === null) events.emit("question.left_pending", { questionId: id, text: draft.text, ms: ms() });
      return null;
    } catch (error) {
      if (error instanceof ClimbEnded) return (await ledger.view(id, clock.now())).answer;
      throw error;
    } finally {
      // In the same turn as the row of the ask, so that both share a commit.
      void this.#keepHops(id, climb);
    }
  }

  /** Writes the rungs that were not written yet. */
  async #keepHops(id: string, climb: ClimbRequest): Promise<void> {
    const from = climb.kept;
    const hops = climb.hops.slice(from);
    climb.kept += hops.length;
    await this.#deps.telemetry.recordHops(id, { hops, from, at: this.#deps.clock.now() });
  }

  /** Climbs until there is an answer, nobody is left, somebody else answered, or its time is up (both `ClimbEnded`). */
  async #ascend(
    { draft, principal, miss, gist }: ClimbRequest & { gist: Gist | null },
    { accepting, told }: { accepting: Accepting; told: (hop: Hop) => void },
  ): Promise<NewAnswer | null> {
    const { ladder, clock } = this.#deps;
    const ended = new AbortController();
    const end = (reason: ClimbEnded) => ended.abort(reason);
    const left = Math.max(0, accepting.expiresAt - clock.now());
    using time = timeoutSignal(clock, left, this.#life.signal);
    const life = this.#life.signal;
    const stop = () => ended.abort(life.aborted ? life.reason : new ClimbEnded("its time was up", null));
    if (time.signal.aborted) stop();
    time.signal.addEventListener("abort", stop, { once: true });
    const { promise: over, resolve: stopWatching } = Promise.withResolvers<"over">();
    try {
      return await ladder.climb(
        {
          query: {
            ...draft,
            gist,
            questionId: accepting.id,
            asker: workerKey(principal),
            deadline: accepting.expiresAt,
          },
          budget: draft.budget,
          agentsOnly: draft.quorum !== undefined || draft.choices !== undefined,
          rejected: miss.rejected,
          beforeSlow: async () => {
            void this.#watch(accepting.id, over, end);
            await accepting.pending();
          },
          onHop: told,
        },
        ended.signal,
      );
    } finally {
      stopWatching("over");
    }
  }

  /** Calls `end` when somebody else closes the question before the climb is `over`. */
  async #watch(id: string, over: Promise<"over">, end: (why: ClimbEnded) => void): Promise<void> {
    for (;;) {
      using waiting = this.#deps.waiters.on(id);
      const what = await Promise.race([waiting.closed.then(() => this.#closer(id)), over]);
      if (what === "over") return;
      if (what) return end(what);
    }
  }

  /** Who closed a question while it was climbed for; null when who waits was woken for nothing. */
  async #closer(questionId: string): Promise<ClimbEnded | null> {
    const { answer, status } = await this.#deps.ledger.view(questionId, this.#deps.clock.now());
    if (status === "pending") return null;
    return answer
      ? new ClimbEnded(`answered by ${answer.by}`, answer.route)
      : new ClimbEnded("the question expired", null);
  }

  #answered({ draft }: ClimbRequest, { answer, mine }: Stored, { id, ms }: { id: string; ms: number }): Answer {
    const { cache, waiters, events } = this.#deps;
    // Who was faster has told everybody.
    if (!mine) return answer;
    cache.forget(draft.key);
    waiters.wake(id);
    const { route } = answer;
    const principal = { kind: "system", name: route } as const;
    events.emit("question.answered", { questionId: id, route, cached: false, ms, principal });
    return answer;
  }

  #told(questionId: string, hop: Hop): Hop {
    const { responder, outcome, ms } = hop;
    this.#deps.events.emit("question.hop_finished", { questionId, responder, outcome, ms });
    return hop;
  }
}

interface ClimbRequest {
  draft: Draft;
  principal: Principal;
  miss: Extract<Lookup, { outcome: "miss" }>;
  record: Recording;
  hops: Hop[];
  /** How many of them are written. */
  kept: number;
  accepted: (questionId: string) => void;
}
