import { canonicalJson, sha256 } from "../foundation/hash.ts";
import type { HealthCheck } from "../foundation/health.ts";
import { type Principal, principalLabel } from "../foundation/principal.ts";
import type { Service } from "../foundation/service.ts";
import { Agents, type AskedAgent } from "./agents/index.ts";
import { Answering } from "./answering.ts";
import { Asking } from "./asking.ts";
import { AnswerCache } from "./cache.ts";
import { Corpus } from "./corpus.ts";
import type { Evaluation } from "./evaluation/evaluate.ts";
import type { LabelledQuestion } from "./evaluation/labelled.ts";
import { Expiry } from "./expiry.ts";
import { Flights } from "./flights.ts";
import { corpusHealth, rowsHealth } from "./health.ts";
import { checkWait, toDraft } from "./key.ts";
import { contextOf, insertContext } from "./session/context-rows.ts";
import { Conversations } from "./session/conversations.ts";
import { Entries } from "./similar/entries.ts";
import type { QuestionStatistics } from "./stats/stats.ts";
import { withTerms } from "./terms.ts";
import { Freshness } from "./freshness.ts";
import { Ladder } from "./ladder.ts";
import { Ledger } from "./ledger.ts";
import { Embedding } from "./embedding/index.ts";
import { followNeighbours } from "./neighbours.ts";
import type { QuestionRouterDependencies } from "./dependencies.ts";
import { toFilter } from "./listing.ts";
import { InForce, People } from "./people/index.ts";
import { Pace } from "./pace.ts";
import { Past } from "./past.ts";
import { createResponders } from "./responders/index.ts";
import { AskTelemetry } from "./telemetry.ts";
import type {
  Answer,
  AnswerRequest,
  AskRequest,
  AskResult,
  Hop,
  JudgeRequest,
  ListRequest,
  QuestionPage,
  QuestionView,
  RecordedQuestion,
  ReplayEnvironment,
  ReplayOutcome,
} from "./types.ts";
import { Waiters } from "./waiters.ts";

const DAY_MS = 86_400_000;

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
  readonly #past: Past;
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
      corpus,
      inForce,
      cache,
      entries,
      desk: this.agents.desk,
      meanings: embedding,
      embedder: embedding?.embedder ?? null,
    });
    const ladder = new Ladder({ responders, options, pace: this.#pace, clock, logger });
    this.#expiry = new Expiry({ clock, logger, expire: () => this.#expire() });
    this.#ledger = ledger;
    this.#entries = entries;
    const scopeOf = (principal: Principal) => dependencies.scopeOf?.(principal) ?? null;
    const view = (questionId: string) => ledger.view(questionId, clock.now());
    this.#conversations = new Conversations({ scopeOf, view, clock, options });
    this.#corpus = corpus;
    this.#past = new Past({ ...dependencies, corpus, ledger });
    this.#cache = cache;
    this.#telemetry = new AskTelemetry({ store: telemetry, logger });
    const due = (at: number) => this.#expiry.due(at);
    const climbs = { ledger, ladder, cache, waiters, telemetry: this.#telemetry, due };
    this.#flights = new Flights({ ...climbs, events, clock, options });
    const freshness = new Freshness({ index: dependencies.index, documents: responders.documents });
    const asks = { freshness, ledger, cache, flights: this.#flights, waiters, telemetry: this.#telemetry };
    this.#asking = new Asking({ ...asks, events, clock, options, closing: this.#closing.signal });
    this.#answering = new Answering({ ...asks, corpus, entries, events, clock, options, scopeOf });
    this.people = new People({
      ...dependencies,
      ...dependencies.people,
      view,
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
    void this.#corpus.scan();
    this.#subscriptions.use(this.#corpus.follow(this.#deps.events));
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
        const draft = await this.#conversations.inContext(plain, request, principal);
        const recording = async (tx: Parameters<typeof record>[0], questionId: string) => {
          await record(tx, { questionId });
          if (draft.before) await insertContext(tx, questionId, draft.before);
        };
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
  ): Promise<QuestionView & { hops: Hop[]; agents: AskedAgent[]; before: string[] }> {
    checkWait(wait.waitMs);
    const view = await this.#asking.waitFor(questionId, wait.waitMs ?? 0, wait.signal);
    const [hops, told, agents, said] = await Promise.all([
      this.#telemetry.hops(questionId),
      this.people.told(view),
      this.agents.asked(questionId),
      contextOf(this.#deps.store.read, questionId),
    ]);
    // The questions only: not everybody who may read these may read what the answers were taken from.
    return { ...view, hops: [...hops, ...told], agents, before: said.map(({ question }) => question) };
  }

  /** Newest first. Throws `bad_input` for a cursor that is none. */
  async list(request: ListRequest = {}): Promise<QuestionPage> {
    return this.#ledger.page(toFilter(request, this.#deps.options.current, this.#deps.clock.now()));
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
        await this.#answering.checkPolicy(request);
        const admitted = await this.agents.admitted(request);
        fresh = await this.#answering.answer(admitted, (tx, questionId) => record(tx, { questionId }));
        return { questionId: request.questionId };
      },
    );
    return { questionId, answer: fresh ?? (await this.#ledger.view(questionId, this.#deps.clock.now())).answer! };
  }

  /**
   * Says whether an answer is right. One that is `wrong` or `outdated` is never served again; a correction takes its
   * place. Errors: `bad_input` when there is no answer, `forbidden` for an agent that rejects a person's answer, or one that
   * rests on what it may not read.
   */
  async judge(request: JudgeRequest): Promise<{ answerId: string; corrected: Answer | null }> {
    if (request.correction !== undefined) await this.#answering.checkPolicy(request);
    return this.#answering.judge(request);
  }

  /** Hits, misses, false hits and latencies of the last days. */
  statistics(days: number): Promise<QuestionStatistics> {
    return this.#past.statistics(days);
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
  recorded(wanted: { limit: number; split?: "train" | "validation" }): Promise<RecordedQuestion[]> {
    return this.#past.recorded(wanted);
  }

  /** How these questions would be answered in another environment. No side effects, no cache, no rows. */
  replay(questions: RecordedQuestion[], environment: ReplayEnvironment, signal: AbortSignal): Promise<ReplayOutcome[]> {
    return this.#past.replay(questions, environment, signal);
  }

  /** How labelled questions are answered from the documents; see `evaluation/`. Records nothing. */
  evaluate(questions: LabelledQuestion[], signal: AbortSignal): Promise<Evaluation> {
    return this.#past.evaluate(questions, signal);
  }

  /** What `/ready` and `specloop doctor` look at. */
  healthChecks(): HealthCheck[] {
    return [corpusHealth(this.#corpus, this.#deps.index), rowsHealth(this.#deps.store)];
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
