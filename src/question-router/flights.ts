import type { Clock } from "../foundation/clock.ts";
import { SpecloopError } from "../foundation/errors.ts";
import type { Emitter } from "../foundation/events.ts";
import { newId } from "../foundation/ids.ts";
import type { Live } from "../foundation/options.ts";
import { type Principal, principalLabel } from "../foundation/principal.ts";
import { workerKey } from "./agents/index.ts";
import { ClimbEnded } from "./ascent.ts";
import type { AnswerCache, Lookup } from "./cache.ts";
import { timeoutSignal } from "./deadline.ts";
import type { Ladder } from "./ladder.ts";
import type { NewAnswer, NewQuestion } from "./insert.ts";
import type { Ledger, OpenQuestion, Recording } from "./ledger.ts";
import type { QuestionOptions } from "./options.ts";
import { policyOf } from "./routing-options.ts";
import type { AskTelemetry } from "./telemetry.ts";
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

const HOUR = 3_600_000;

/** The climbs that are on their way, one per key. */
export class Flights {
  readonly #deps: Dependencies;
  readonly #flights = new Map<string, Flight>();
  readonly #life = new AbortController();

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies;
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
    const started = clock.monotonic();
    const known = await ledger.openQuestion(draft.key, clock.now());
    const accepting = this.#accepting(climb, known);
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
      const answer = await this.#ascend(climb, { accepting, told });
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
    { draft, principal, miss }: ClimbRequest,
    { accepting, told }: { accepting: Accepting; told: (hop: Hop) => void },
  ): Promise<NewAnswer | null> {
    const { ladder, clock } = this.#deps;
    const ended = new AbortController();
    const end = (reason: ClimbEnded) => ended.abort(reason);
    const left = Math.max(0, accepting.expiresAt - clock.now());
    using time = timeoutSignal(clock, left, this.#life.signal);
    const late = () => end(new ClimbEnded("its time was up", null));
    if (time.signal.aborted) late();
    time.signal.addEventListener("abort", () => !this.#life.signal.aborted && late(), { once: true });
    const { promise: over, resolve: stopWatching } = Promise.withResolvers<"over">();
    try {
      return await ladder.climb(
        {
          query: { ...draft, questionId: accepting.id, asker: workerKey(principal), deadline: accepting.expiresAt },
          budget: draft.budget,
          agentsOnly: draft.quorum !== undefined || draft.choices !== undefined,
          rejected: miss.rejected,
          beforeSlow: async () => {
            void this.#watch(accepting.id, over, end);
            await accepting.pending();
          },
          onHop: told,
        },
        AbortSignal.any([this.#life.signal, ended.signal]),
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

  /** The two ways in which a question becomes durable, whichever comes first. */
  #accepting(climb: ClimbRequest, known: OpenQuestion | null): Accepting {
    const { draft, principal, record, accepted } = climb;
    const { ledger, clock, options, due } = this.#deps;
    const question = known === null ? newQuestion(draft, principal, clock.now(), options.current) : null;
    const id = question?.id ?? known!.id;
    const expiresAt = question?.expiresAt ?? known!.expiresAt;
    let pending: Promise<void> | null = known === null ? null : Promise.resolve();
    return {
      id,
      expiresAt,
      isPending: () => pending !== null,
      pending: async () => {
        const { maxPending } = options.current;
        pending ??= ledger.accept(question!, record, maxPending).then(() => due(expiresAt));
        await pending;
        accepted(id);
      },
      answered: async (answer: NewAnswer) => {
        const given = { answer, at: clock.now() };
        const stored =
          pending || !question
            ? await settleOrKeep(ledger, id, given)
            : { answer: await ledger.acceptAnswered(question, given, record), mine: true };
        accepted(id);
        return stored;
      },
    };
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

/** An answer as it is kept, and whether it is the one that was found here. */
interface Stored {
  answer: Answer;
  mine: boolean;
}

interface Accepting {
  id: string;
  expiresAt: number;
  isPending(): boolean;
  /** Resolves when the question is kept as pending. */
  pending(): Promise<void>;
  answered(answer: NewAnswer): Promise<Stored>;
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

function newQuestion(draft: Draft, principal: Principal, askedAt: number, options: QuestionOptions): NewQuestion {
  const { text, kind, change, key, quorum = 1, choices = null } = draft;
  const ms = draft.deadlineMs ?? policyOf(options, kind).deadlineMs ?? options.expireHours * HOUR;
  const expiresAt = Math.round(askedAt + ms);
  const terms = quorum > 1 || choices ? { quorum, choices } : null;
  return { id: newId("q"), text, kind, change, key, asker: principalLabel(principal), askedAt, expiresAt, terms };
}

/** A person or agent may have answered while the ladder was climbed: then their answer stands. */
async function settleOrKeep(ledger: Ledger, id: string, given: { answer: NewAnswer; at: number }): Promise<Stored> {
  try {
    return { answer: await ledger.settle(id, given, async () => {}), mine: true };
  } catch (error) {
    if (error instanceof SpecloopError && error.code === "already_answered")
      return { answer: error.details?.["answer"] as Answer, mine: false };
    throw error;
  }
}
