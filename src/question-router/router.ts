import type { Llm } from "../adapters/llm/index.ts";
import { type Notices, sealedHealth, type Store } from "../adapters/store/index.ts";
import type { Idempotency } from "../access/index.ts";
import type { Clock } from "../foundation/clock.ts";
import { SpecloopError } from "../foundation/errors.ts";
import type { EventBus } from "../foundation/events.ts";
import { canonicalJson, sha256 } from "../foundation/hash.ts";
import type { HealthCheck } from "../foundation/health.ts";
import type { Logger } from "../foundation/logger.ts";
import type { Live } from "../foundation/options.ts";
import { type Principal, principalLabel } from "../foundation/principal.ts";
import type { Service } from "../foundation/service.ts";
import { Agents, type AskedAgent } from "./agents/index.ts";
import { Answering } from "./answering.ts";
import { Asking } from "./asking.ts";
import { AnswerCache } from "./cache.ts";
import { Corpus, type FileList } from "./corpus.ts";
import { evaluate, type Evaluation } from "./evaluation/evaluate.ts";
import type { LabelledQuestion } from "./evaluation/labelled.ts";
import { Expiry } from "./expiry.ts";
import { Flights } from "./flights.ts";
import { corpusHealth } from "./health.ts";
import { checkWait, toDraft } from "./key.ts";
import { Conversations, type ReadScope } from "./session/conversations.ts";
import { Entries } from "./similar/entries.ts";
import { questionStatistics, type QuestionStatistics } from "./stats/stats.ts";
import { withTerms } from "./terms.ts";
import { Freshness } from "./freshness.ts";
import { Ladder } from "./ladder.ts";
import { Ledger } from "./ledger.ts";
import { Embedding } from "./embedding/index.ts";
import { followNeighbours } from "./neighbours.ts";
import type { QuestionOptions } from "./options.ts";
import { type CommittedDocuments, InForce, People, type PeopleParts } from "./people/index.ts";
import { Pace } from "./pace.ts";
import { replay, splitOf, toRecorded } from "./replay.ts";
import { createResponders } from "./responders/index.ts";
import type { DocumentSearch } from "./search/port.ts";
import { decodeCursor } from "./rows.ts";
import { policyOf } from "./routing-options.ts";
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
import type { ToolAnswers } from "./tool-answers.ts";
import { Waiters } from "./waiters.ts";

export interface QuestionRouterDependencies {
  /** The core database: questions and answers. */
  store: Store<QuestionTables>;
  /** What daemons that share the store tell each other. */
  notices: Notices;
  /** The telemetry database: asks and rungs. */
  telemetry: Store<QuestionTelemetryTables>;
  /** Owned by the caller: it is not disposed here. */
  index: DocumentSearch;
  git: FileList & Partial<CommittedDocuments>;
  /** Top of the worktree, absolute. */
  root: string;
  /** What people need of the neighbours; without it nothing is written into documents and nobody is notified. */
  people?: PeopleParts;
  /** Whether a person registered an agent of this name, whose token alone makes it; absent: nobody did. */
  hasToken?(name: string): boolean;
  /** The tools of downstream servers that answer questions. */
  tools?: ToolAnswers | null;
  /** Null when no model is configured. */
  llm: Llm | null;
  /** What an asker may read; everybody everything when absent. */
  scopeOf?(principal: Principal): ReadScope | null;
  idempotency: Idempotency;
  events: EventBus;
  clock: Clock;
  logger: Logger;
  options: Live<QuestionOptions>;
}

const PAGE = 20;
const MAX_PAGE = 100;
const DAY_MS = 86_400_000;
/** How many questions are read for each one that is wanted of a split. */
const HISTORY_PER_SPLIT = 4;

/** Answers questions from what is known, or keeps them until somebody does. */
export class QuestionRouter implements Service {
  readonly name = "question-router";
  /** How people are reached and what they say is taken. */
  readonly people: People;
  /** How agents are asked and what they say is taken. */
  readonly agents: Agents;
  readonly #deps: QuestionRouterDependencies;
  readonly #ledger: Ledger;
  readonly #cache: AnswerCache;
  readonly #telemetry: AskTelemetry;
  readonly #corpus: Corpus;
  readonly #flights: Flights;
  readonly #asking: Asking;
  readonly #entries: Entries;
  readonly #conversations: Conversations;
  readonly #answering: Answering;
  readonly #embedding: Embedding | null;
  readonly #waiters = new Waiters();
  readonly #life = new AbortController();
  readonly #closing = new AbortController();
  readonly #subscriptions = new DisposableStack();
  readonly #pace = new Pace();
  readonly #expiry: Expiry;

  constructor(dependencies: QuestionRouterDependencies) {
    this.#deps = dependencies;
    const { store, telemetry, clock, events, options, logger } = dependencies;
    const waiters = this.#waiters;
    const ledger = new Ledger(store);
    const corpus = new Corpus(dependencies);
    const entries = new Entries({ store, logger });
    const cache = new AnswerCache({ ledger, corpus, entries, clock, options });
    const inForce = new InForce({ git: dependencies.git, writer: dependencies.people?.writer ?? null, options });
    const announce = (questionId: string, key: string) => {
      cache.forget(key);
      waiters.wake(questionId);
    };
    const hasToken = (name: string) => dependencies.hasToken?.(name) ?? false;
    this.agents = new Agents({ store, ledger, events, clock, logger, options, hasToken, announce });
    const { llm } = dependencies;
    const embedding = llm && new Embedding({ ...dependencies, llm, corpus });
    this.#embedding = embedding;
    const responders = createResponders({
      ...dependencies,
      ...{ corpus, inForce, cache, entries, desk: this.agents.desk },
      meanings: embedding,
      embedder: embedding?.embedder ?? null,
    });
    const ladder = new Ladder({ responders, options, pace: this.#pace, clock, logger });
    this.#expiry = new Expiry({ clock, logger, expire: () => this.#expire() });
    this.#ledger = ledger;
    this.#entries = entries;
    const scopeOf = dependencies.scopeOf ?? (() => null);
    const view = (questionId: string) => ledger.view(questionId, clock.now());
    this.#conversations = new Conversations({ scopeOf, view, clock, options });
    this.#corpus = corpus;
    this.#cache = cache;
    this.#telemetry = new AskTelemetry({ store: telemetry, logger });
    this.#flights = new Flights({
      ledger,
      ladder,
      cache,
      waiters,
      telemetry: this.#telemetry,
      events,
      clock,
      options,
      due: (at) => this.#expiry.due(at),
    });
    const freshness = new Freshness({ index: dependencies.index, documents: responders.documents });
    const asks = { freshness, ledger, cache, flights: this.#flights, waiters, telemetry: this.#telemetry };
    this.#asking = new Asking({ ...asks, events, clock, options, closing: this.#closing.signal });
    this.#answering = new Answering({ ledger, corpus, cache, entries, waiters, events, clock });
    this.people = new People({
      ...dependencies,
      ...dependencies.people,
      view: (questionId) => ledger.view(questionId, clock.now()),
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
    // Behind the corpus, so that it waits for what the corpus was told.
    this.#embedding?.start();
    const [ledger, cache, waiters] = [this.#ledger, this.#cache, this.#waiters];
    this.#subscriptions.use(followNeighbours({ ledger, cache, waiters, ...this.#deps }));
    for (const name of ["tool", "agent", "model"] as const)
      for (const hop of await this.#telemetry.runsOf(name)) this.#pace.learn(hop);
    this.#entries.start();
    await this.#expiry.start();
    await this.agents.start(signal);
  }

  /**
   * Answers from the cache, the documents or the model, or leaves the question pending for agents and people. Errors:
   * `bad_input`, `key_reused`, what the store throws, and the signal's reason when the caller goes away (the question
   * stays).
   */
  async ask(request: AskRequest, principal: Principal, signal: AbortSignal): Promise<AskResult> {
    signal.throwIfAborted();
    const started = this.#deps.clock.monotonic();
    const plain = withTerms(toDraft(request), request);
    checkWait(request.waitMs);
    const scope = `question_ask/${principalLabel(principal)}`;
    let fresh: AskResult | undefined;
    const { questionId } = await this.#deps.idempotency.run<{ questionId: string }>(
      scope,
      request.idempotencyKey,
      sha256(canonicalJson(plain)),
      async (record) => {
        const recording = (tx: Parameters<typeof record>[0], questionId: string) => record(tx, { questionId });
        const draft = await this.#conversations.inContext(plain, request, principal);
        fresh = await this.#asking.ask(
          { draft, waitMs: request.waitMs, principal, started, record: recording },
          signal,
        );
        this.#conversations.said(draft, fresh, request, principal);
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
  ): Promise<QuestionView & { hops: Hop[]; agents: AskedAgent[] }> {
    checkWait(wait.waitMs);
    const view = await this.#asking.waitFor(questionId, wait.waitMs ?? 0, wait.signal);
    const [hops, told, agents] = await Promise.all([
      this.#telemetry.hops(questionId),
      this.people.told(view),
      this.agents.asked(questionId),
    ]);
    return { ...view, hops: [...hops, ...told], agents };
  }

  /** Newest first. Throws `bad_input` for a cursor that is none. */
  async list({ status, for: who, cursor, limit = PAGE }: ListRequest = {}): Promise<QuestionPage> {
    const { current } = this.#deps.options;
    const kinds = who === undefined ? KINDS : KINDS.filter((kind) => policyOf(current, kind).answerers.includes(who));
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
        await this.#checkPolicy(request);
        const admitted = await this.agents.admitted(request);
        fresh = await this.#answering.answer(admitted, (tx, questionId) => record(tx, { questionId }));
        return { questionId: request.questionId };
      },
    );
    return { questionId, answer: fresh ?? (await this.#ledger.view(questionId, this.#deps.clock.now())).answer! };
  }

  /**
   * Says whether an answer is right. One that is `wrong` or `outdated` is never served again; a correction takes its
   * place. Errors: `bad_input` when there is no answer, `forbidden` for an agent that rejects a person's answer.
   */
  async judge(request: JudgeRequest): Promise<{ answerId: string; corrected: Answer | null }> {
    if (request.correction !== undefined) await this.#checkPolicy(request);
    return this.#answering.judge(request);
  }

  /** Hits, misses, false hits and latencies of the last days. */
  statistics(days: number): Promise<QuestionStatistics> {
    const { store, telemetry, clock } = this.#deps;
    return questionStatistics({ core: store, telemetry }, days, clock.now());
  }

  /** Waits until every change of a document that was told so far is in the index. */
  reindexed(): Promise<void> {
    return this.#corpus.settled();
  }

  /** Waits until every passage has its vector, where vectors are used and can be had. */
  async embedded(): Promise<void> {
    await this.#embedding?.settled();
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

  /** How labelled questions are answered from the documents; see `evaluation/`. Records nothing. */
  evaluate(questions: LabelledQuestion[], signal: AbortSignal): Promise<Evaluation> {
    return evaluate({ ...this.#deps, corpus: this.#corpus }, questions, signal);
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
    await this.#embedding?.[Symbol.asyncDispose]();
    await this.#entries[Symbol.asyncDispose]();
    this.#waiters.wakeAll();
    await this.#expiry[Symbol.asyncDispose]();
    await this.agents[Symbol.asyncDispose]();
    await this.#corpus.settled();
  }

  /** The built-in policy is checked where the answer is taken; this is what specloop.yaml narrows it to. */
  async #checkPolicy({ questionId, principal }: Pick<AnswerRequest, "questionId" | "principal">): Promise<void> {
    const { kind } = await this.#ledger.view(questionId, this.#deps.clock.now());
    const { answerers } = policyOf(this.#deps.options.current, kind);
    if (answerers.includes(principal.kind)) return;
    const by = `A question of kind "${kind}" is answered by ${answerers.join(" or ")}, not by ${principalLabel(principal)}.`;
    throw new SpecloopError("forbidden", by, { target: questionId });
  }

  /** Resolves with when the next question is due. */
  async #expire(): Promise<number | null> {
    for (const questionId of await this.#ledger.expire(this.#deps.clock.now())) {
      this.#deps.events.emit("question.expired", { questionId });
      this.#waiters.wake(questionId);
    }
    await this.people.tick();
    const { clock, options } = this.#deps;
    await this.#telemetry.forget(clock.now() - options.current.keepDays * DAY_MS);
    return this.#ledger.nextDue();
  }
}
