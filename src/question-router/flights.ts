import type { Clock } from "../foundation/clock.ts";
import { SpecloopError } from "../foundation/errors.ts";
import type { Emitter } from "../foundation/events.ts";
import { newId } from "../foundation/ids.ts";
import type { Live } from "../foundation/options.ts";
import { type Principal, principalLabel } from "../foundation/principal.ts";
import type { AnswerCache, Lookup } from "./cache.ts";
import type { Ladder } from "./ladder.ts";
import type { NewAnswer, NewQuestion } from "./insert.ts";
import type { Ledger, Recording } from "./ledger.ts";
import type { QuestionOptions } from "./options.ts";
import type { Answer, Hop, Kind } from "./types.ts";
import type { Waiters } from "./waiters.ts";

interface Dependencies {
  ledger: Ledger;
  ladder: Ladder;
  cache: AnswerCache;
  waiters: Waiters;
  events: Emitter;
  clock: Clock;
  options: Live<QuestionOptions>;
}

export interface Draft {
  text: string;
  kind: Kind;
  change: string | null;
  key: string;
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

  /** The climb for this question: the one that is on its way, or a new one. `mine` says which. */
  join(
    draft: Draft,
    principal: Principal,
    start: { miss: Extract<Lookup, { outcome: "miss" }>; record: Recording },
  ): { flight: Flight; mine: boolean } {
    const known = this.#flights.get(draft.key);
    if (known) return { flight: known, mine: false };
    const accepted = Promise.withResolvers<string>();
    const hops: Hop[] = [];
    const done = this.#climb({ draft, principal, ...start, hops, accepted: accepted.resolve });
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

  async #climb(climb: ClimbRequest): Promise<Answer | null> {
    const { ledger, ladder, clock } = this.#deps;
    const { draft, hops, miss } = climb;
    const started = clock.monotonic();
    const known = await ledger.openQuestion(draft.key, clock.now());
    const accepting = this.#accepting(climb, known);
    this.#deps.events.emit("question.asked", {
      questionId: accepting.id,
      kind: draft.kind,
      principal: climb.principal,
      text: draft.text,
    });
    hops.push(this.#told(accepting.id, { responder: "cache", outcome: "declined", ms: 0, reason: miss.reason }));
    const answer = await ladder.climb(
      {
        query: draft,
        rejected: miss.rejected,
        beforeSlow: () => accepting.pending(),
        onHop: (hop) => hops.push(this.#told(accepting.id, hop)),
      },
      this.#life.signal,
    );
    const ms = () => clock.monotonic() - started;
    if (answer) return this.#answered(climb, await accepting.answered(answer), { id: accepting.id, ms: ms() });
    await accepting.pending();
    if (known === null)
      this.#deps.events.emit("question.left_pending", { questionId: accepting.id, text: draft.text, ms: ms() });
    return null;
  }

  /** The two ways in which a question becomes durable, whichever comes first. */
  #accepting({ draft, principal, record, accepted }: ClimbRequest, known: string | null) {
    const { ledger, clock, options } = this.#deps;
    const question = known === null ? newQuestion(draft, principal, clock.now(), options.current.expireHours) : null;
    const id = question?.id ?? known!;
    let isPending = known !== null;
    return {
      id,
      pending: async () => {
        if (!isPending && question) await ledger.accept(question, record);
        isPending = true;
        accepted(id);
      },
      answered: async (answer: NewAnswer) => {
        const given = { answer, at: clock.now() };
        const stored =
          isPending || !question
            ? await settleOrKeep(ledger, id, given)
            : await ledger.acceptAnswered(question, given, record);
        accepted(id);
        return stored;
      },
    };
  }

  #answered({ draft }: ClimbRequest, answer: Answer, { id, ms }: { id: string; ms: number }): Answer {
    const { cache, waiters, events } = this.#deps;
    cache.forget(draft.key);
    waiters.wake(id);
    events.emit("question.answered", {
      questionId: id,
      route: answer.route,
      cached: false,
      ms,
      principal: { kind: "system", name: answer.route },
    });
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
  accepted: (questionId: string) => void;
}

function newQuestion(
  { text, kind, change, key }: Draft,
  principal: Principal,
  askedAt: number,
  expireHours: number,
): NewQuestion {
  const expiresAt = Math.round(askedAt + expireHours * HOUR);
  return { id: newId("q"), text, kind, change, key, asker: principalLabel(principal), askedAt, expiresAt };
}

/** A person or agent may have answered while the ladder was climbed: then their answer stands. */
async function settleOrKeep(ledger: Ledger, id: string, given: { answer: NewAnswer; at: number }): Promise<Answer> {
  try {
    return await ledger.settle(id, given, async () => {});
  } catch (error) {
    if (error instanceof SpecloopError && error.code === "already_answered") return error.details?.["answer"] as Answer;
    throw error;
  }
}
