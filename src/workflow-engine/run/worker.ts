import type { Clock } from "../../foundation/clock.ts";
import { SpecloopError } from "../../foundation/errors.ts";
import type { Emitter } from "../../foundation/events.ts";
import type { Guard } from "../guard.ts";
import type { NodeType } from "../node-type.ts";
import type { Plan } from "../plan.ts";
import type { RollbackDesk } from "../rollback/port.ts";
import { takeSnapshot } from "../rollback/snapshot.ts";
import type { Expressions } from "../scope.ts";
import type { RunActor } from "./actor.ts";
import { attempt, failureOf, Stop } from "./attempt.ts";
import type { Breakers } from "./breaker.ts";
import type { Job, RunSnapshot } from "./draft.ts";
import type { Ending, Reserve } from "./messages.ts";
import { locate, OUTPUT_KEY, type Place } from "./places.ts";
import { gather, type Lists, resultsOf, scopeOf, scopeOfOutput } from "./scope.ts";
import { type Failure, isEnded, isInFlight, type NodeRecord, type Stored } from "./state.ts";
import type { Values } from "./values.ts";

export interface WorkerParts {
  /** Whether others can do what could not be begun here. */
  shared: boolean;
  clock: Clock;
  values: Values;
  types: ReadonlyMap<string, NodeType>;
  /** With secrets' names in the place of their values: what may be stored. */
  expressions: Expressions;
  /** With their values. */
  secretive: Expressions;
  breakers: Breakers;
  /** Absent: no snapshot can be taken here, so a node that asks for one fails. */
  rollback?: RollbackDesk | undefined;
  guard: Guard;
  events: Emitter;
  /** What a model's tokens cost at most, dollars; null where nobody knows. */
  price(model: string | null, tokens: number): number | null;
}

interface Under {
  key: string;
  attempt: number;
  stop: AbortController;
}

interface Configured {
  config: unknown;
  input: Stored;
}

interface Task {
  job: Job;
  actor: RunActor;
  row: NodeRecord;
  snapshot: RunSnapshot;
  plan: Plan;
  place: Place;
  startedAt: number;
}

/** Does the attempts of this process: evaluates, claims, executes, reports. */
export class Worker {
  readonly #parts: WorkerParts;
  readonly #under = new Map<string, Set<Under>>();
  readonly #lists = new Map<string, Lists>();

  constructor(parts: WorkerParts) {
    this.#parts = parts;
  }

  /** Stops an attempt of this process, if it is one. */
  abort(runId: string, key: string, why: "cancelled" | "budget"): void {
    for (const under of this.#under.get(runId) ?? []) if (under.key === key) under.stop.abort(new Stop(why));
  }

  /** Runs of which an attempt is under way here. */
  runs(): string[] {
    return [...this.#under.keys()];
  }

  has(runId: string): boolean {
    return this.#under.has(runId);
  }

  /** Another process changed the run: stops what it cancelled, and what has been given to somebody else meanwhile. */
  attend({ run, nodes }: RunSnapshot): void {
    const out = run.state === "paused" && run.reason === "budget: ms" ? "budget" : null;
    const over = run.state === "cancelling" || isEnded(run.state) ? "cancelled" : out;
    for (const { key, attempt: number, stop } of this.#under.get(run.id) ?? []) {
      const row = nodes.get(key);
      const ours = row?.attempt === number && isInFlight(row.status);
      if (over !== null || !ours) stop.abort(new Stop(over ?? "cancelled"));
    }
  }

  /** The run is not under way here any more. */
  forget(runId: string): void {
    this.#lists.delete(runId);
  }

  async perform(job: Job & { redelivered?: boolean }, actor: RunActor, stopping: AbortSignal): Promise<void> {
    const { key, attempt: number } = job;
    const { snapshot, plan } = await actor.look();
    const row = snapshot.nodes.get(key);
    if (!row || row.attempt !== number || !isInFlight(row.status)) return;
    if (job.redelivered) return void (await actor.send({ type: "redelivered", key, attempt: number }));
    const startedAt = this.#parts.clock.now();
    const task = { job, actor, row, snapshot, plan, place: locate(plan, key), startedAt };
    try {
      await this.#work(task, stopping);
    } catch (error) {
      if (this.#parts.shared && isAway(error)) throw error;
      const { secrets } = task.plan;
      const failure = this.#parts.guard.redact(secrets, failureOf(error)) as Failure;
      await this.#report(task, { outcome: "failed", error: failure });
    }
  }

  async #work(task: Task, stopping: AbortSignal): Promise<void> {
    const { job, row, place } = task;
    if (job.key === OUTPUT_KEY) return this.#done(task, await this.#output(task));
    if (row.reason === "gather") return this.#done(task, await gather(job.key, this.#sources(task)));
    const type = this.#parts.types.get(place.node.type);
    if (!type) throw new Error(`There is no node type "${place.node.type}" here.`);
    const scope = await scopeOf(place, this.#sources(task));
    const { when } = place.node;
    if (row.reason === null && when !== null && this.#parts.expressions.evaluate(when, scope) !== true)
      return this.#report(task, { outcome: "skipped" });
    if (type.reach) await this.#parts.guard.admit(task.plan);
    const shown = this.#parts.expressions.configure(place.node, type, scope);
    const { secrets } = task.plan;
    const config = secrets.length === 0 ? shown : this.#parts.secretive.configure(place.node, type, scope);
    const input = await this.#parts.values.store(shown);
    await this.#execute(task, type, { config, input }, stopping);
  }

  async #execute(task: Task, type: NodeType, { config, input }: Configured, stopping: AbortSignal) {
    const { actor, job } = task;
    const given = config as Record<string, unknown>;
    const target = type.inside ? null : `${type.type}:${type.target?.(given) ?? ""}`;
    const blocked = target === null ? null : this.#blocked(target);
    if (blocked !== null) return this.#report(task, { outcome: "deferred", until: blocked, why: "breaker" });
    if (!type.inside) {
      const reserve = this.#reserve(type, given);
      const reply = await actor.send({ type: "claim", key: job.key, attempt: job.attempt, input, reserve });
      if (reply !== "applied") return void (target !== null && this.#parts.breakers.release(target));
    }
    const { ending, log } = await this.#around(task, type, () => this.#attempt(task, type, config, stopping));
    if (target !== null) this.#count(target, ending);
    await this.#report(task, ending, { input: type.inside ? input : null, log });
  }

  /** Keeps the documents around an attempt where the node asks for it; without a copy from before it is not begun. */
  async #around<T extends { log: string }>(task: Task, type: NodeType, work: () => Promise<T>): Promise<T> {
    if (!task.place.node.snapshot || type.inside) return work();
    await this.#snapshot(task, "before");
    const ended = await work();
    try {
      await this.#snapshot(task, "after");
      return ended;
    } catch (error) {
      const { message } = failureOf(error);
      return { ...ended, log: `${ended.log}How it left the documents could not be kept: ${message}\n` };
    }
  }

  async #snapshot({ job, actor, snapshot }: Task, when: "before" | "after"): Promise<void> {
    const { runId, key, attempt: number } = job;
    const about = { runId, key, attempt: number, when, principal: snapshot.run.principal };
    const commit = await takeSnapshot(this.#parts.rollback ?? null, about);
    await actor.send({ type: "snapshot", key, attempt: number, when, commit });
  }

  async #attempt(task: Task, type: NodeType, config: unknown, stopping: AbortSignal) {
    const { job, actor, row, snapshot, place, plan } = task;
    const { runId, key, attempt: number } = job;
    const redact = <T>(value: T) => this.#parts.guard.redact(plan.secrets, value) as T;
    const stop = new AbortController();
    const onStop = () => stop.abort(new Stop("stopped"));
    if (stopping.aborted) onStop();
    else stopping.addEventListener("abort", onStop, { once: true });
    const leave = this.#enter(runId, { key, attempt: number, stop });
    const { principal } = snapshot.run;
    const waited = row.shown === null ? null : ((await this.#parts.values.load(row.shown)) as Record<string, unknown>);
    const given = {
      config,
      runId,
      key,
      attempt: number,
      idempotencyKey: `${runId}/${key}`,
      principal,
      waited,
      round: row.round,
    };
    try {
      return await attempt(type, given, await this.#arrived(task), {
        clock: this.#parts.clock,
        values: this.#parts.values,
        timeoutMs: place.node.timeoutMs,
        redact,
        stop,
        spend: async (used) => {
          const reply = await actor.send({
            type: "spent",
            key,
            attempt: number,
            used,
          });
          if (reply !== "refused") return null;
          return (await actor.look()).snapshot.run.state === "paused" ? "budget" : "own_budget";
        },
        progress: (share, what) =>
          this.#parts.events.emit("node.progressed", {
            runId,
            key,
            share,
            what: redact(what),
          }),
        logged: () => {},
      });
    } finally {
      leave();
      stopping.removeEventListener("abort", onStop);
    }
  }

  #enter(runId: string, under: Under): () => void {
    const all = this.#under.get(runId) ?? new Set();
    this.#under.set(runId, all.add(under));
    return () => {
      all.delete(under);
      if (all.size === 0 && this.#under.get(runId) === all) this.#under.delete(runId);
    };
  }

  async #arrived({ row, snapshot }: Task): Promise<{ data: unknown; by: string } | "timeout" | null> {
    if (row.reason === "timeout") return "timeout";
    if (row.reason !== "signal" || row.signal === null) return null;
    const signal = snapshot.signals.get(row.signal);
    return signal ? { data: await this.#parts.values.load(signal.data), by: signal.by } : null;
  }

  #blocked(target: string): number | null {
    const { clock, breakers } = this.#parts;
    const now = clock.monotonic();
    const until = breakers.blockedUntil(target, now);
    return until === null ? null : clock.now() + Math.ceil(until - now);
  }

  #count(target: string, ending: Ending): void {
    const { clock, breakers } = this.#parts;
    if (ending.outcome === "interrupted") breakers.release(target);
    else breakers.record(target, ending.outcome === "failed" ? ending.error.kind : null, clock.monotonic());
  }

  #reserve(type: NodeType, config: Record<string, unknown>): Reserve | null {
    const estimate = type.estimate?.(config) ?? null;
    if (!estimate) return null;
    return { tokens: estimate.tokens, usd: this.#parts.price(estimate.model, estimate.tokens) };
  }

  async #output(task: Task): Promise<unknown> {
    const { plan } = task;
    if (Object.keys(plan.output).length === 0) return resultsOf(plan.nodes, "", this.#sources(task));
    const scope = await scopeOfOutput(this.#sources(task));
    const entries = Object.entries(plan.output).map(
      ([name, expression]) => [name, this.#parts.expressions.evaluate(expression, scope)] as const,
    );
    return Object.fromEntries(entries);
  }

  #sources({ job, snapshot, plan }: Task) {
    let lists = this.#lists.get(job.runId);
    if (!lists) this.#lists.set(job.runId, (lists = new Map()));
    return { snapshot, plan, values: this.#parts.values, lists };
  }

  async #done(task: Task, output: unknown): Promise<void> {
    await this.#report(task, { outcome: "done", output: await this.#parts.values.store(output) });
  }

  async #report(task: Task, ending: Ending, more: { input: string | null; log: string } = { input: null, log: "" }) {
    const { key, attempt: number } = task.job;
    const { startedAt } = task;
    await task.actor.send({ type: "ended", key, attempt: number, ending, startedAt, ...more });
  }
}

/** The store was away: that says nothing about the node. */
function isAway(error: unknown): boolean {
  return error instanceof SpecloopError && (error.code.startsWith("store_") || error.code === "daemon_stopping");
}
