import type { Llm } from "../adapters/llm/index.ts";
import type { Store } from "../adapters/store/index.ts";
import type { Clock } from "../foundation/clock.ts";
import { toSpecloopError } from "../foundation/errors.ts";
import type { EventBus } from "../foundation/events.ts";
import type { Logger } from "../foundation/logger.ts";
import type { Live } from "../foundation/options.ts";
import type { Service } from "../foundation/service.ts";
import { runCycle, type CycleReport } from "./cycle.ts";
import { MetricDesk } from "./metric-desk.ts";
import type { LoopOptions } from "./options.ts";
import type { ArrivalSource, Documents, LoopApprovals, LoopGit, Proposals, Replay, Tunables } from "./ports.ts";
import { SharedTurn } from "./shared-turn.ts";
import { forgetOld } from "./samples-forget.ts";
import { LoopStore } from "./store.ts";
import { takeApprovals, type Unapproved } from "./steps/approve.ts";
import { implement } from "./steps/implement.ts";
import { measure } from "./steps/measure.ts";
import { Monitor } from "./steps/monitor.ts";
import { closeRejected, finishDrafts } from "./steps/propose.ts";
import { settle } from "./steps/settle.ts";
import type { ExperimentRow, LoopTables, SampleTables } from "./tables.ts";
import { openProposals, proposalPage, type LoopStatus, type ProposalView } from "./views.ts";

const MINUTE_MS = 60_000;

export interface FeedbackLoopDependencies {
  /** The core store: proposals and experiments are never lost once recorded. */
  store: Store<LoopTables>;
  /** The telemetry store. */
  samples: Store<SampleTables>;
  events: EventBus;
  clock: Clock;
  logger: Logger;
  options: Live<LoopOptions>;
  git: LoopGit;
  arrivals: ArrivalSource;
  approvals?: LoopApprovals | undefined;
  proposals: Proposals;
  documents: Documents;
  replay: Replay;
  tunables: Tunables;
  /** Null: hypotheses come from the detectors' templates. */
  llm: Llm | null;
}

/**
 * Monitor, analyze, propose, implement, measure. A cycle proposes; what a person merges is carried out, measured and kept
 * or reverted in the background, one step at a time, from rows that survive a crash.
 */
export class FeedbackLoop implements Service {
  readonly name = "feedback-loop";
  /** Figures and the rows behind them. */
  readonly metrics: MetricDesk;
  readonly #store: LoopStore;
  readonly #dependencies: FeedbackLoopDependencies;
  readonly #monitor: Monitor;
  readonly #stop = new AbortController();
  readonly #listeners: Disposable[] = [];
  #queue: Promise<void> = Promise.resolve();
  #queued = false;
  #ticking: Promise<void> | null = null;
  readonly #cycle = new SharedTurn((signal) => this.#run(AbortSignal.any([signal, this.#stop.signal])));
  #unapproved: Unapproved[] = [];
  readonly #publishing = new Set<string>();

  constructor(dependencies: FeedbackLoopDependencies) {
    this.#dependencies = dependencies;
    this.#store = new LoopStore(dependencies.store, dependencies.clock);
    this.#monitor = new Monitor(dependencies);
    this.metrics = new MetricDesk(dependencies.samples, dependencies.clock, this.#monitor);
  }

  async start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await this.#monitor.start();
    const { events } = this.#dependencies;
    this.#listeners.push(
      events.on("git.refs_moved", () => this.#advance()),
      events.on("approval.granted", ({ operation }) => operation === "proposal" && this.#advance()),
      events.on("approval.ended", () => this.#advance()),
      events.on("answer.judged", () => this.#advance()),
      events.on("question.answered", ({ route }) => {
        if (route === "person" || route === "agent") this.#advance();
      }),
    );
    this.#advance();
    this.#ticking = this.#tick();
  }

  /**
   * One turn: what waits is written, problems are found and proposed. Two calls at once share one turn, which is given up
   * when the last of them went away. Rejects with the signal's reason when it is aborted; what was proposed until then
   * stays.
   */
  runCycle(signal: AbortSignal): Promise<CycleReport> {
    return this.#cycle.join(signal);
  }

  /** Resolves when approvals, implementations and measurements that can go on have gone on. */
  async settle(): Promise<void> {
    await this.#monitor.flush();
    this.#advance();
    let seen: Promise<void> | null = null;
    while (seen !== this.#queue) {
      seen = this.#queue;
      await seen;
    }
  }

  async status(): Promise<LoopStatus> {
    const [cycle] = await this.#store.cycles(1);
    const problems = cycle ? await this.#store.problemsOf(cycle.id) : [];
    const lastCycle = cycle && {
      cycleId: cycle.id,
      at: cycle.started_at,
      problems: problems.map(({ summary }) => summary),
      proposals: cycle.proposals,
      ms: cycle.ms,
      model: cycle.model,
    };
    return {
      auto: this.#dependencies.options.current.auto,
      lastCycle: lastCycle ?? null,
      open: await openProposals(this.#store),
      unapproved: [...this.#unapproved],
      lostSamples: this.#monitor.lost,
    };
  }

  /** Proposals with what became of them, newest first. `bad_input` for a cursor that was not given. */
  list(page: {
    limit: number;
    cursor?: string | undefined;
  }): Promise<{ proposals: ProposalView[]; nextCursor: string | null }> {
    return proposalPage(this.#store, page);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const listener of this.#listeners) listener[Symbol.dispose]();
    this.#stop.abort();
    await this.#cycle.idle();
    await this.#queue;
    await this.#ticking;
    await this.#monitor[Symbol.asyncDispose]();
  }

  async #run(signal: AbortSignal): Promise<CycleReport> {
    await this.#monitor.flush();
    const samples = this.#dependencies.samples.read;
    return runCycle({ ...this.#dependencies, store: this.#store, samples, publishing: this.#publishing }, signal);
  }

  /** Puts one round into the queue; while one waits there, another is not needed. */
  #advance(): void {
    if (this.#queued || this.#stop.signal.aborted) return;
    this.#queued = true;
    this.#queue = this.#after(this.#queue);
  }

  async #after(before: Promise<void>): Promise<void> {
    await before;
    this.#queued = false;
    await this.#round();
  }

  async #round(): Promise<void> {
    const dependencies = this.#stepDependencies();
    try {
      await finishDrafts(dependencies);
      this.#unapproved = await takeApprovals(dependencies);
      await closeRejected(dependencies);
    } catch (error) {
      this.#dependencies.logger.warn({ err: error }, "proposals could not be looked at");
    }
    for (const row of await this.#unfinished()) await this.#carryOn(row);
  }

  async #unfinished(): Promise<ExperimentRow[]> {
    try {
      return await this.#store.unfinished();
    } catch (error) {
      this.#dependencies.logger.warn({ err: error }, "experiments could not be read");
      return [];
    }
  }

  /** Takes one experiment as far as it goes now; what stops it is written into its row, where a person sees it. */
  async #carryOn(row: ExperimentRow): Promise<void> {
    const dependencies = this.#stepDependencies();
    let now = row;
    try {
      if (now.state === "approved" || now.state === "implementing") now = await implement(dependencies, now);
      if (isMeasured(now)) now = await measure(dependencies, now, this.#stop.signal);
      if (isDecided(now)) await settle(dependencies, now);
    } catch (error) {
      const { code, message } = toSpecloopError(error);
      if (this.#stop.signal.aborted) return;
      this.#dependencies.logger.warn({ err: error, experiment: row.id, state: now.state }, "an experiment has to wait");
      const current = await this.#store.experimentOf(row.proposal_id).catch(() => undefined);
      if (current) await this.#store.set(current, { waiting: `${code}: ${message}` }).catch(() => {});
    }
  }

  #stepDependencies() {
    const { samples, options, ...rest } = this.#dependencies;
    return {
      ...rest,
      store: this.#store,
      samples: samples.read,
      options: options.current,
      publishing: this.#publishing,
    };
  }

  /** Automatic cycles when they are wanted; horizons and new answers are looked at either way. */
  async #tick(): Promise<void> {
    const { clock, options, logger, samples } = this.#dependencies;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        await clock.sleep(options.current.everyMinutes * MINUTE_MS, signal);
        await forgetOld(samples, clock.now(), options.current);
        if (options.current.auto) await this.runCycle(signal);
        this.#advance();
      } catch (error) {
        if (!signal.aborted) logger.warn({ err: error }, "an automatic cycle failed");
      }
    }
  }
}

function isMeasured({ state, settled }: ExperimentRow): boolean {
  return state === "measuring" || (state === "inconclusive" && settled === 1);
}

function isDecided({ state, settled }: ExperimentRow): boolean {
  return settled === 0 && (state === "kept" || state === "reverted" || state === "inconclusive");
}
