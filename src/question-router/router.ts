import type { Llm } from "../adapters/llm/index.ts";
import type { SearchIndex } from "../adapters/search/index.ts";
import { type Notices, sealedHealth, type Store } from "../adapters/store/index.ts";
import type { Idempotency } from "../access/index.ts";
import type { Clock } from "../foundation/clock.ts";
import type { EventBus } from "../foundation/events.ts";
import { canonicalJson, sha256 } from "../foundation/hash.ts";
import type { HealthCheck } from "../foundation/health.ts";
import type { Logger } from "../foundation/logger.ts";
import type { Live } from "../foundation/options.ts";
import { type Principal, principalLabel } from "../foundation/principal.ts";
import type { Service } from "../foundation/service.ts";
import { Answering } from "./answering.ts";
import { Asking } from "./asking.ts";
import { AnswerCache } from "./cache.ts";
import { Corpus, type FileList } from "./corpus.ts";
import { Flights } from "./flights.ts";
import { corpusHealth } from "./health.ts";
import { checkWait, toDraft } from "./key.ts";
import { Ladder } from "./ladder.ts";
import { Ledger } from "./ledger.ts";
import { followNeighbours } from "./neighbours.ts";
import type { QuestionOptions } from "./options.ts";
import { type CommittedDocuments, InForce, People, type PeopleParts } from "./people/index.ts";
import { POLICIES } from "./policy.ts";
import { replay, splitOf, toRecorded } from "./replay.ts";
import { createResponders } from "./responders/index.ts";
import { decodeCursor } from "./rows.ts";
import type { QuestionTables, QuestionTelemetryTables } from "./tables.ts";
import { AskTelemetry } from "./telemetry.ts";
import {
  type Answer,
  type AnswerRequest,
  type AskRequest,
  type AskResult,
  type Hop,
  type JudgeRequest,
  KINDS,
  type ListRequest,
  type QuestionPage,
  type QuestionView,
  type RecordedQuestion,
  type ReplayEnvironment,
  type ReplayOutcome,
} from "./types.ts";
import { Waiters } from "./waiters.ts";

export interface QuestionRouterDependencies {
  /** The core database: questions and answers. */
  store: Store<QuestionTables>;
  /** What daemons that share the store tell each other. */
  notices: Notices;
  /** The telemetry database: asks and rungs. */
  telemetry: Store<QuestionTelemetryTables>;
  /** Owned by the caller: it is not disposed here. */
  index: SearchIndex;
  git: FileList & Partial<CommittedDocuments>;
  /** Top of the worktree, absolute. */
  root: string;
  /** What people need of the neighbours; without it nothing is written into documents and nobody is notified. */
  people?: PeopleParts;
  /** Null when no model is configured. */
  llm: Llm | null;
  idempotency: Idempotency;
  events: EventBus;
  clock: Clock;
  logger: Logger;
  options: Live<QuestionOptions>;
}

const PAGE = 20;
const MAX_PAGE = 100;
/** How often it is looked whether questions expired. */
const EXPIRY_MS = 60_000;
const DAY_MS = 86_400_000;
/** How many questions are read for each one that is wanted of a split. */
const HISTORY_PER_SPLIT = 4;

/** Answers questions from what is known, or keeps them until somebody does. */
export class QuestionRouter implements Service {
  readonly name = "question-router";
  /** How people are reached and what they say is taken. */
  readonly people: People;
  readonly #deps: QuestionRouterDependencies;
  readonly #ledger: Ledger;
  readonly #cache: AnswerCache;
  readonly #telemetry: AskTelemetry;
  readonly #corpus: Corpus;
  readonly #flights: Flights;
  readonly #asking: Asking;
  readonly #answering: Answering;
  readonly #waiters = new Waiters();
  readonly #life = new AbortController();
  readonly #closing = new AbortController();
  readonly #subscriptions = new DisposableStack();
  #expiring: Promise<void> | null = null;

  constructor(dependencies: QuestionRouterDependencies) {
    this.#deps = dependencies;
    const { store, telemetry, clock, events, options, logger } = dependencies;
    const waiters = this.#waiters;
    const ledger = new Ledger(store);
    const corpus = new Corpus(dependencies);
    const cache = new AnswerCache({ ledger, corpus, options });
    const inForce = new InForce({ git: dependencies.git, writer: dependencies.people?.writer ?? null, options });
    const ladder = new Ladder({ responders: createResponders({ ...dependencies, corpus, inForce }), clock, logger });
    this.#ledger = ledger;
    this.#corpus = corpus;
    this.#cache = cache;
    this.#telemetry = new AskTelemetry({ store: telemetry, logger });
    this.#flights = new Flights({ ledger, ladder, cache, waiters, events, clock, options });
    const asks = { ledger, cache, flights: this.#flights, waiters, telemetry: this.#telemetry };
    this.#asking = new Asking({ ...asks, events, clock, options, closing: this.#closing.signal });
    this.#answering = new Answering({ ledger, corpus, cache, waiters, events, clock });
    this.people = new People({
      ...dependencies,
      ...dependencies.people,
      view: (questionId) => ledger.view(questionId, clock.now()),
      keyOf: (questionId) => ledger.keyOf(questionId),
      hops: (questionId) => this.#telemetry.hops(questionId),
      answer: (request) => this.answer(request),
    });
  }

  /** Begins to index and to expire; asks wait for the index, everything else works at once. */
  async start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const close = () => this.#closing.abort();
    signal.addEventListener("abort", close, { once: true });
    this.#subscriptions.defer(() => signal.removeEventListener("abort", close));
    const { events } = this.#deps;
    void this.#corpus.scan();
    this.#subscriptions.use(
      events.on(
        "watch.settled",
        ({ paths, refsMoved }) => void (refsMoved ? this.#corpus.scan() : this.#corpus.take(paths)),
      ),
    );
    this.#subscriptions.use(events.on("document.updated", ({ path }) => void this.#corpus.take([path])));
    const [ledger, cache, waiters] = [this.#ledger, this.#cache, this.#waiters];
    this.#subscriptions.use(followNeighbours({ ledger, cache, waiters, ...this.#deps }));
    await this.#expire();
    this.#expiring = this.#keepExpiring();
  }

  /**
   * Answers from the cache, the documents or the model, or leaves the question pending for agents and people. Errors:
   * `bad_input`, `key_reused`, what the store throws, and the signal's reason when the caller goes away (the question
   * stays).
   */
  async ask(request: AskRequest, principal: Principal, signal: AbortSignal): Promise<AskResult> {
    signal.throwIfAborted();
    const started = this.#deps.clock.monotonic();
    const draft = toDraft(request);
    checkWait(request.waitMs);
    const scope = `question_ask/${principalLabel(principal)}`;
    let fresh: AskResult | undefined;
    const { questionId } = await this.#deps.idempotency.run<{ questionId: string }>(
      scope,
      request.idempotencyKey,
      sha256(canonicalJson(draft)),
      async (record) => {
        const recording = (tx: Parameters<typeof record>[0], questionId: string) => record(tx, { questionId });
        fresh = await this.#asking.ask(
          { draft, waitMs: request.waitMs, principal, started, record: recording },
          signal,
        );
        return { questionId: fresh.questionId };
      },
    );
    if (fresh) return fresh;
    const { hops, ...view } = await this.get(questionId, { waitMs: request.waitMs, signal });
    return this.#asking.asResult(view, { hops, ms: this.#deps.clock.monotonic() - started });
  }

  /** A question as it is now; waits up to `waitMs` (0..25000) for it to be closed. Throws `unknown_question`. */
  async get(
    questionId: string,
    wait: { waitMs?: number | undefined; signal?: AbortSignal } = {},
  ): Promise<QuestionView & { hops: Hop[] }> {
    checkWait(wait.waitMs);
    const view = await this.#asking.waitFor(questionId, wait.waitMs ?? 0, wait.signal);
    const [hops, told] = await Promise.all([this.#telemetry.hops(questionId), this.people.told(view)]);
    return { ...view, hops: [...hops, ...told] };
  }

  /** Newest first. Throws `bad_input` for a cursor that is none. */
  async list({ status, for: who, cursor, limit = PAGE }: ListRequest = {}): Promise<QuestionPage> {
    const kinds = who === undefined ? KINDS : KINDS.filter((kind) => POLICIES[kind].answerers.includes(who));
    const after = cursor === undefined ? null : decodeCursor(cursor);
    return this.#ledger.page({
      status,
      kinds,
      after,
      limit: Math.min(Math.max(1, limit), MAX_PAGE),
      now: this.#deps.clock.now(),
    });
  }

  /**
   * Gives a pending question its answer and wakes all who wait. Errors: `unknown_question`, `already_answered` (with the
   * answer in the details), `question_expired`, `forbidden` for a kind that this principal may not answer,
   * `unknown_document` and `unknown_section` for citations that are not there.
   */
  async answer(request: AnswerRequest): Promise<{ questionId: string; answer: Answer }> {
    const { principal, idempotencyKey, ...input } = request;
    const scope = `answer_submit/${principalLabel(principal)}`;
    let fresh: Answer | undefined;
    const { questionId } = await this.#deps.idempotency.run<{ questionId: string }>(
      scope,
      idempotencyKey,
      sha256(canonicalJson(input)),
      async (record) => {
        fresh = await this.#answering.answer(request, (tx, questionId) => record(tx, { questionId }));
        return { questionId: request.questionId };
      },
    );
    return { questionId, answer: fresh ?? (await this.#ledger.view(questionId, this.#deps.clock.now())).answer! };
  }

  /**
   * Says whether an answer is right. One that is `wrong` or `outdated` is never served again; a correction takes its
   * place. Errors: `bad_input` when there is no answer, `forbidden` for an agent that rejects a person's answer.
   */
  judge(request: JudgeRequest): Promise<{ answerId: string; corrected: Answer | null }> {
    return this.#answering.judge(request);
  }

  /** Waits until every change of a document that was told so far is in the index. */
  reindexed(): Promise<void> {
    return this.#corpus.settled();
  }

  /** The newest questions with the answers that count as right, for the feedback loop. */
  async recorded({ limit, split }: { limit: number; split?: "train" | "validation" }): Promise<RecordedQuestion[]> {
    const rows = await this.#ledger.history(split === undefined ? limit : limit * HISTORY_PER_SPLIT);
    return rows
      .filter(({ question }) => split === undefined || splitOf(question.id) === split)
      .slice(0, limit)
      .map(toRecorded);
  }

  /** How these questions would be answered in another environment. No side effects, no cache, no rows. */
  replay(questions: RecordedQuestion[], environment: ReplayEnvironment, signal: AbortSignal): Promise<ReplayOutcome[]> {
    const { index, clock, options } = this.#deps;
    return replay(questions, environment, { index, corpus: this.#corpus, current: options.current, clock }, signal);
  }

  /** What `/ready` and `specloop doctor` look at. */
  healthChecks(): HealthCheck[] {
    return [
      corpusHealth(this.#corpus, this.#deps.index),
      sealedHealth(this.#deps.store.read, ["questions", "answers"]),
    ];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#subscriptions.dispose();
    this.#closing.abort();
    this.#life.abort();
    await this.#flights.stop();
    this.#waiters.wakeAll();
    await this.#expiring;
    await this.#corpus.settled();
  }

  async #keepExpiring(): Promise<void> {
    while (!this.#life.signal.aborted) {
      try {
        await this.#deps.clock.sleep(EXPIRY_MS, this.#life.signal);
        await this.#expire();
        const { clock, options } = this.#deps;
        await this.#telemetry.forget(clock.now() - options.current.keepDays * DAY_MS);
      } catch (error) {
        if (!this.#life.signal.aborted)
          this.#deps.logger.error({ err: error }, "questions could not be expired, or old records not be dropped");
      }
    }
  }

  async #expire(): Promise<void> {
    for (const questionId of await this.#ledger.expire(this.#deps.clock.now())) {
      this.#deps.events.emit("question.expired", { questionId });
      this.#waiters.wake(questionId);
    }
    await this.people.tick();
  }
}
