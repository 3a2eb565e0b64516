import { LRUCache } from "lru-cache";
import { noNotices } from "../../adapters/store/index.ts";
import { SpecloopError } from "../../foundation/errors.ts";
import type { EngineParts } from "../engine-parts.ts";
import type { NodeType } from "../node-type.ts";
import { childSignal } from "../nodes/workflow.ts";
import type { Plan } from "../plan.ts";
import { RunStore } from "../run-store.ts";
import { RunActor, unknownRun } from "./actor.ts";
import { Alarm } from "./alarm.ts";
import { Breakers } from "./breaker.ts";
import type { Draft, Job, RunSnapshot } from "./draft.ts";
import type { Message, Reply } from "./messages.ts";
import { announce } from "./news.ts";
import { placeJobs } from "./homes.ts";
import { OUTPUT_KEY } from "./places.ts";
import { isEnded, type NodeRecord, type RunRecord } from "./state.ts";
import { Team } from "./team.ts";
import { TimeLimits } from "./time-limits.ts";
import { Waiters } from "./waiters.ts";
import { Worker } from "./worker.ts";

/** Runs that are kept in memory while they wait for their turn. */
const MAX_KEPT = 2000;

/** What keeps runs going in this process: who has which run, what is due, and what the world is told after a commit. */
export class Runtime implements AsyncDisposable {
  readonly store: RunStore;
  readonly waiters = new Waiters();
  /** Aborted when the process ends. */
  readonly stopping: AbortSignal;
  readonly #parts: EngineParts;
  readonly #types: ReadonlyMap<string, NodeType>;
  readonly #worker: Worker;
  readonly #alarm: Alarm;
  readonly #limits: TimeLimits;
  readonly #actors = new Map<string, RunActor>();
  readonly #kept = new WeakSet<Job>();
  readonly #plans = new LRUCache<string, Plan>({ max: 200 });
  readonly #stop = new AbortController();
  readonly #team: Team | null;

  constructor(parts: EngineParts, types: ReadonlyMap<string, NodeType>) {
    this.#parts = parts;
    this.#types = types;
    this.stopping = this.#stop.signal;
    this.store = new RunStore(parts.store, parts.dispatcher.shared);
    this.#worker = new Worker({ ...parts, types, shared: parts.dispatcher.shared, breakers: new Breakers() });
    this.#alarm = new Alarm(parts.clock, () => void this.#ring());
    this.#team = parts.dispatcher.shared ? this.#newTeam() : null;
    this.#limits = new TimeLimits(parts.clock, (id) => void this.send(id, { type: "time" }).catch(() => {}));
  }

  /** Takes up what a crash left, then takes jobs. */
  async start(signal: AbortSignal): Promise<void> {
    const interrupted = this.#parts.dispatcher.shared ? [] : await this.store.interrupted();
    for (const id of interrupted) {
      signal.throwIfAborted();
      await this.#recover(id);
    }
    const types = [...this.#types.keys(), OUTPUT_KEY];
    await this.#parts.dispatcher.start((job, stopping) => this.#perform(job, stopping), types);
    this.#team?.start();
    await this.#setAlarm();
  }

  /** A run whose rows are damaged keeps no other from going on; whoever looks at it is told. */
  async #recover(id: string): Promise<void> {
    try {
      await this.send(id, { type: "recover" });
      await this.cascade(id);
    } catch (error) {
      if (!(error instanceof SpecloopError) || error.code !== "store_corrupt") throw error;
      this.#parts.logger.error({ err: error, run: id }, "a run cannot go on, because its rows are damaged");
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#alarm.clear();
    this.#limits.clear();
    await this.#parts.dispatcher.stop();
    await this.#team?.stop();
    await Promise.all([...this.#actors.values()].map((actor) => actor.settled()));
  }

  /** False when the idempotency key was used before. */
  begin(run: RunRecord, plan: Plan, nodes: NodeRecord[]): Promise<boolean> {
    const actor = this.#actor(run.id);
    actor.inFlight += 1;
    return actor.begin(run, plan, nodes).finally(() => this.#rest(actor, 1));
  }

  send(runId: string, message: Message): Promise<Reply> {
    return this.#actor(runId).send(message);
  }

  /** A run and its plan; throws `unknown_run`. */
  look(runId: string): Promise<{ snapshot: RunSnapshot; plan: Plan }> {
    return this.#actorOf(runId).look();
  }

  /** What happens to a run happens to the runs that it began. */
  async cascade(runId: string): Promise<void> {
    const { run } = await this.read(runId);
    if (run.state !== "cancelling" && run.state !== "cancelled") return;
    for (const child of await this.store.children(runId)) {
      if (isEnded(child.state)) continue;
      await this.send(child.id, { type: "cancel", by: `the run ${runId}` });
      await this.cascade(child.id);
    }
  }

  #actor(id: string): RunActor {
    const known = this.#actors.get(id);
    if (known) return known;
    const { clock, logger, dispatcher, budgets, random = Math.random } = this.#parts;
    const actor = new RunActor(id, {
      store: this.store,
      types: this.#types,
      budgets,
      plan: (hash) => this.plan(hash),
      now: () => clock.now(),
      random,
      logger,
      shared: dispatcher.shared,
      enlist: (tx, draft, plan) => {
        placeJobs(draft, plan, this.#types);
        return dispatcher.enlist(tx, draft.jobs);
      },
      committed: (draft, snapshot) => this.#committed(draft, snapshot),
      again: (ms) => clock.sleep(ms, this.#stop.signal).catch(() => {}),
      farewell: ({ run }) => farewell(run, clock.now()),
      rest: (rested) => this.#rest(rested, 0),
      isStored: (hash) => this.#plans.has(hash),
      stored: (plan) => void this.#plans.set(plan.hash, plan),
    });
    this.#actors.set(id, actor);
    return actor;
  }

  /** The same without keeping it: for looking. */
  #actorOf(id: string): RunActor {
    const actor = this.#actor(id);
    queueMicrotask(() => this.#rest(actor, 0));
    return actor;
  }

  #rest(actor: RunActor, ended: number): void {
    actor.inFlight -= ended;
    if (!actor.idle || this.#actors.get(actor.id) !== actor) return;
    this.#actors.delete(actor.id);
    this.#worker.forget(actor.id);
  }

  /** After a commit: everything that the rest of the world learns of it. */
  #committed(draft: Draft, { run }: RunSnapshot): void {
    const why = run.state === "cancelling" ? "cancelled" : "budget";
    for (const key of draft.aborts) this.#worker.abort(run.id, key, why);
    this.#limits.watch(run);
    this.#keep(draft);
    this.#parts.dispatcher.release(draft.jobs);
    for (const { dueAt } of draft.changed.values()) if (dueAt !== null) this.#alarm.setFor(dueAt);
    announce(draft, this.#parts.events);
    if (draft.events.length > 0) this.#team?.tell(run.id);
    if (draft.events.some(({ key }) => key === null)) this.waiters.tell(run.id);
    const word = isEnded(run.state) ? farewell(run, draft.now) : null;
    if (word) {
      const tell = this.send(word.runId, { type: "signal", ...word.signal });
      void tell.catch((error: unknown) => this.#tellLate(error, word.runId));
    }
  }

  /** The signal is in the parent's rows already, so a parent that has ended or was read meanwhile misses nothing. */
  #tellLate(error: unknown, runId: string): void {
    if (error instanceof SpecloopError && ["run_ended", "daemon_stopping"].includes(error.code)) return;
    this.#parts.logger.error({ err: error, run: runId }, "a run could not be told of the end of its child");
  }

  /** What has jobs in the queue of this process stays in memory, as far as that is not too much. */
  #keep({ run, jobs }: Draft): void {
    if (this.#parts.dispatcher.shared || this.#actors.size > MAX_KEPT) return;
    const actor = this.#actor(run.id);
    for (const job of jobs) {
      this.#kept.add(job);
      actor.inFlight += 1;
    }
  }

  async #perform(job: Job & { redelivered?: boolean }, stopping: AbortSignal): Promise<void> {
    const actor = this.#actor(job.runId);
    if (!this.#kept.delete(job)) actor.inFlight += 1;
    try {
      await this.#worker.perform(job, actor, stopping);
    } catch (error) {
      const stopped = error instanceof SpecloopError && error.code === "daemon_stopping";
      if (!stopped) this.#parts.logger.error({ err: error, run: job.runId, key: job.key }, "an attempt was lost");
      // Somebody else, or this process later, can have it.
      if (this.#team) throw error;
    } finally {
      this.#rest(actor, 1);
    }
  }

  #newTeam(): Team {
    const { notices = noNotices(), clock, logger } = this.#parts;
    return new Team({
      notices,
      clock,
      logger,
      heard: (runId) => this.#changedElsewhere(runId),
      look: async () => {
        this.waiters.tellAll();
        for (const runId of this.#worker.runs()) await this.#attend(runId);
        await this.#ringDue();
      },
      mend: async () => {
        for (const runId of await this.store.answered()) await this.send(runId, { type: "look" });
        for (const runId of await this.store.halfCancelled()) await this.cascade(runId);
      },
    });
  }

  #changedElsewhere(runId: string): void {
    this.waiters.tell(runId);
    this.#parts.events.emit("run.changed_elsewhere", { runId });
    if (this.#worker.has(runId))
      void this.#attend(runId).catch((error: unknown) =>
        this.#parts.logger.warn({ err: error, run: runId }, "a run that changed elsewhere could not be looked at"),
      );
  }

  /** What is under way here of a run, and is not to be any more, is stopped. */
  async #attend(runId: string): Promise<void> {
    const snapshot = await this.store.read(runId);
    if (snapshot) this.#worker.attend(snapshot);
  }

  async #ringDue(): Promise<void> {
    const due = await this.store.dueRuns(this.#parts.clock.now());
    await Promise.all(due.map((id) => this.send(id, { type: "look" })));
    await this.#setAlarm();
  }

  async #ring(): Promise<void> {
    try {
      await this.#ringDue();
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      this.#parts.logger.error({ err: error }, "what is due could not be begun and is tried again");
      this.#alarm.setFor(this.#parts.clock.now() + 1000);
    }
  }

  async #setAlarm(): Promise<void> {
    const next = await this.store.nextDue();
    if (next !== null && !this.#stop.signal.aborted) this.#alarm.setFor(next);
  }

  /** Plans never change, so those in use are kept. */
  async plan(hash: string): Promise<Plan> {
    const known = this.#plans.get(hash);
    if (known) return known;
    const plan = await this.store.plan(hash);
    this.#plans.set(hash, plan);
    return plan;
  }

  async read(runId: string): Promise<RunSnapshot> {
    const snapshot = await this.store.read(runId);
    if (!snapshot) throw unknownRun(runId);
    return snapshot;
  }
}

function farewell(run: RunRecord, at: number) {
  if (run.parentRun === null) return null;
  const data = JSON.stringify({ state: run.state });
  return { runId: run.parentRun, signal: { name: childSignal(run.id), data, by: `run:${run.id}`, at } };
}
