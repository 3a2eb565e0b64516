import { LRUCache } from "lru-cache";
import type { Store } from "../adapters/store/index.ts";
import type { Clock } from "../foundation/clock.ts";
import { SpecloopError } from "../foundation/errors.ts";
import type { Emitter } from "../foundation/events.ts";
import { newId } from "../foundation/ids.ts";
import type { Logger } from "../foundation/logger.ts";
import { type Principal, principalLabel } from "../foundation/principal.ts";
import type { Service } from "../foundation/service.ts";
import { type Dispatcher } from "./dispatcher.ts";
import type { NodeType } from "./node-type.ts";
import { approval } from "./nodes/approval.ts";
import { map } from "./nodes/map.ts";
import { wait } from "./nodes/wait.ts";
import { childSignal, workflow } from "./nodes/workflow.ts";
import type { Budget, Plan } from "./plan.ts";
import { type RunPage, RunStore } from "./run-store.ts";
import { RunActor, unknownRun } from "./run/actor.ts";
import { Alarm } from "./run/alarm.ts";
import { mayAnswer } from "./run/answering.ts";
import { Breakers } from "./run/breaker.ts";
import { APPROVE } from "./run/commands.ts";
import type { Draft, Job, RunSnapshot } from "./run/draft.ts";
import { copiedRows } from "./run/fork.ts";
import { checkInput } from "./run/input.ts";
import type { Message, Reply, RunEvent } from "./run/messages.ts";
import { announce } from "./run/news.ts";
import { locate } from "./run/places.ts";
import { isEnded, type RunRecord } from "./run/state.ts";
import type { Values } from "./run/values.ts";
import { TimeLimits } from "./run/time-limits.ts";
import { Waiters } from "./run/waiters.ts";
import { Worker } from "./run/worker.ts";
import type { Expressions } from "./scope.ts";
import type { WorkflowTables } from "./tables.ts";
import { detailsOf, type NodeDetails, nodeDetails, type RunDetails, type RunSummary, summaryOf } from "./views.ts";

/** Runs that are kept in memory while they wait for their turn. */
const MAX_KEPT = 2000;

export interface EngineParts {
  store: Store<WorkflowTables>;
  dispatcher: Dispatcher;
  /** Beside wait, approval, map and workflow, which are the engine's own. */
  types: NodeType[];
  /** With the names of secrets in their place; and with their values, for carrying out. */
  expressions: Expressions;
  secretive: Expressions;
  values: Values;
  /** The checked workflow of this name; throws `unknown_workflow`, `bad_workflow`. */
  find(name: string): Promise<Plan>;
  /** What so many tokens of a model cost at most, dollars; null where nobody knows. */
  price(model: string | null, tokens: number): number | null;
  events: Emitter;
  clock: Clock;
  logger: Logger;
  random?(): number;
}

export interface NewRun {
  workflow: { plan: Plan } | { name: string };
  input: unknown;
  principal: Principal;
  /** Limits that replace those of the workflow. */
  budget?: Partial<Budget> | undefined;
  /** The same key of the same principal is the same run. */
  idempotencyKey?: string | undefined;
}

interface Family {
  parent?: { runId: string; key: string };
  fork?: { from: RunSnapshot; key: string | null };
}

/** Runs workflows: durable to the node, over a store that may be SQLite or PostgreSQL. */
export class WorkflowEngine implements Service {
  readonly name = "workflow-engine";
  readonly #parts: EngineParts;
  readonly #types: ReadonlyMap<string, NodeType>;
  readonly #store: RunStore;
  readonly #worker: Worker;
  readonly #alarm: Alarm;
  readonly #waiters = new Waiters();
  readonly #limits: TimeLimits;
  readonly #actors = new Map<string, RunActor>();
  readonly #kept = new WeakSet<Job>();
  readonly #plans = new LRUCache<string, Plan>({ max: 200 });
  readonly #stop = new AbortController();

  constructor(parts: EngineParts) {
    this.#parts = parts;
    const now = () => parts.clock.now();
    const own = [
      wait(now),
      approval(now),
      map,
      workflow({ start: (child) => this.#startChild(child), result: (id) => this.#resultOf(id) }),
    ];
    this.#types = new Map([...own, ...parts.types].map((type) => [type.type, type as NodeType]));
    this.#store = new RunStore(parts.store, parts.dispatcher.shared);
    this.#worker = new Worker({ ...parts, types: this.#types, breakers: new Breakers() });
    this.#alarm = new Alarm(parts.clock, () => void this.#ring());
    this.#limits = new TimeLimits(parts.clock, (id) => void this.#send(id, { type: "time" }).catch(() => {}));
  }

  /** The node types that run here, for checking definitions. */
  get types(): NodeType[] {
    return [...this.#types.values()];
  }

  async start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const interrupted = this.#parts.dispatcher.shared ? [] : await this.#store.interrupted();
    for (const id of interrupted) {
      signal.throwIfAborted();
      await this.#actor(id).send({ type: "recover" });
      await this.#cascade(id);
    }
    await this.#parts.dispatcher.start((job, stopping) => this.#perform(job, stopping));
    await this.#setAlarm();
  }

  /** Begins a run. Throws `unknown_workflow`, `bad_workflow`, `bad_input` for an input that does not fit. */
  run(request: NewRun): Promise<RunSummary> {
    return this.#begin(request, {});
  }

  /** Throws `unknown_run`. */
  async get(runId: string): Promise<RunDetails> {
    const { snapshot, plan } = await this.#actorOf(runId).look();
    return detailsOf(snapshot, plan, this.#parts.values, this.#parts.clock.now());
  }

  /** One node of a run with each of its attempts: input, output, cost and log. */
  async node(runId: string, key: string): Promise<NodeDetails> {
    const row = (await this.#read(runId)).nodes.get(key);
    if (!row) {
      const { plan } = await this.#actorOf(runId).look();
      locate(plan, key);
      throw new SpecloopError("bad_input", `The node "${key}" has not begun in this run.`, { target: key });
    }
    return nodeDetails(row, await this.#store.attempts(runId, key), this.#parts.values);
  }

  async list(page: RunPage): Promise<RunSummary[]> {
    const now = this.#parts.clock.now();
    return (await this.#store.list(page)).map((run) => summaryOf(run, now));
  }

  /** What happened after an event, oldest first, at most `limit`. */
  events(runId: string, afterSeq: number, limit = 1000): Promise<RunEvent[]> {
    return this.#store.events(runId, afterSeq, limit);
  }

  /** Sends an event to a run; the first of a name is kept, also when nothing waits for it yet. */
  async signal(runId: string, name: string, data: unknown, principal: Principal): Promise<Reply> {
    if (name.includes(":")) {
      throw new SpecloopError("bad_input", `"${name}" is not a name of an event.`, {
        fix: "Names of events have no colon; approvals are answered with `specloop run approve`.",
      });
    }
    return this.#signal(runId, { name, data, by: principalLabel(principal) });
  }

  /** A person's answer to an approval node. Throws `forbidden` for everybody else. */
  async approve(
    runId: string,
    key: string,
    { approved, comment }: { approved: boolean; comment: string },
    principal: Principal,
  ): Promise<Reply> {
    const { snapshot, plan } = await this.#actorOf(runId).look();
    const { node } = locate(plan, key);
    mayAnswer({ node, key, run: snapshot.run, row: snapshot.nodes.get(key), principal });
    return this.#signal(runId, { name: APPROVE + key, data: { approved, comment }, by: principal.name });
  }

  async cancel(runId: string, principal: Principal): Promise<Reply> {
    const reply = await this.#send(runId, { type: "cancel", by: principal.name });
    await this.#cascade(runId);
    return reply;
  }

  /** Begins nothing more; what is under way ends. */
  pause(runId: string, principal: Principal): Promise<Reply> {
    return this.#send(runId, { type: "pause", by: principal.name });
  }

  /** A paused run goes on; a failed one does again what did not end well, or everything from a node on. */
  resume(
    runId: string,
    principal: Principal,
    { from = null, budget = null }: { from?: string | null; budget?: Partial<Budget> | null } = {},
  ): Promise<Reply> {
    return this.#send(runId, { type: "resume", by: principal.name, from, budget });
  }

  /** Runs the `undo` of each node that ended well, the last one first. */
  undo(runId: string, principal: Principal): Promise<Reply> {
    return this.#send(runId, { type: "undo", by: principal.name });
  }

  /** A person says what became of a node that was cut off in the middle. */
  async resolve(
    runId: string,
    { key, how, output }: { key: string; how: "done" | "retry" | "fail"; output?: unknown },
    principal: Principal,
  ): Promise<Reply> {
    const stored = output === undefined ? null : await this.#parts.values.store(output);
    return this.#send(runId, { type: "resolve", by: principal.name, key, how, output: stored });
  }

  /**
   * A new run that takes over what a past one did before a node, with another plan, input or budget if they are given;
   * without `from` nothing is taken over.
   */
  async fork(
    runId: string,
    principal: Principal,
    changes: {
      from?: string | undefined;
      plan?: Plan | undefined;
      input?: unknown;
      budget?: Partial<Budget> | undefined;
    } = {},
  ): Promise<RunSummary> {
    const from = await this.#read(runId);
    const plan = changes.plan ?? (await this.#plan(from.run.hash));
    const input = changes.input === undefined ? await this.#parts.values.load(from.run.input) : changes.input;
    const budget = { ...from.run.budget, ...changes.budget };
    return this.#begin({ workflow: { plan }, input, principal, budget }, { fork: { from, key: changes.from ?? null } });
  }

  /** The plan of a run's workflow as it is now. */
  async current(runId: string): Promise<Plan> {
    return this.#parts.find((await this.#read(runId)).run.workflow);
  }

  /** The run as soon as it does not go on by itself (it ended, waits or is paused), or after `ms`. */
  async waitFor(runId: string, ms: number, signal?: AbortSignal): Promise<RunDetails> {
    const over = new AbortController();
    const ends = AbortSignal.any([over.signal, this.#stop.signal, ...(signal ? [signal] : [])]);
    let waited = false;
    const limit = this.#parts.clock
      .sleep(ms, ends)
      .catch(() => {})
      .then(() => void (waited = true));
    for (;;) {
      const moved = this.#waiters.next(runId);
      try {
        const { run } = (await this.#actorOf(runId).look()).snapshot;
        if (waited || !["running", "cancelling", "undoing"].includes(run.state)) break;
        await Promise.race([moved.promise, limit]);
      } finally {
        moved.cancel();
      }
    }
    over.abort();
    return this.get(runId);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#alarm.clear();
    this.#limits.clear();
    await this.#parts.dispatcher.stop();
    await Promise.all([...this.#actors.values()].map((actor) => actor.settled()));
  }

  async #begin(
    { workflow: source, input, principal, budget, idempotencyKey }: NewRun,
    family: Family,
  ): Promise<RunSummary> {
    if (idempotencyKey !== undefined) {
      const known = await this.#store.startedWith(principal, idempotencyKey);
      if (known !== null) return this.#summary(known);
    }
    const plan = "plan" in source ? source.plan : await this.#parts.find(source.name);
    const given = checkInput(plan, input);
    const nodes = family.fork ? copiedRows(family.fork.from, plan, family.fork.key) : [];
    const run: RunRecord = {
      ...{ id: newId("r"), workflow: plan.name, hash: plan.hash, state: "running", reason: null, output: null },
      ...{ error: null, usd: 0, unpriced: 0, tokensIn: 0, tokensOut: 0, activeMs: 0, activeSince: null, seq: 0 },
      ...{ endedAt: null, createdAt: this.#parts.clock.now(), idempotencyKey: idempotencyKey ?? null, principal },
      input: await this.#parts.values.store(given),
      budget: { ...plan.budget, ...budget },
      parentRun: family.parent?.runId ?? null,
      parentKey: family.parent?.key ?? null,
      forkedFrom: family.fork?.from.run.id ?? null,
      forkKey: family.fork?.key ?? null,
    };
    const actor = this.#actor(run.id);
    actor.inFlight += 1;
    const made = await actor.begin(run, plan, nodes).finally(() => this.#rest(actor, 1));
    if (made) return this.#summary(run.id);
    return this.#summary((await this.#store.startedWith(principal, run.idempotencyKey ?? "")) ?? run.id);
  }

  async #signal(runId: string, { name, data, by }: { name: string; data: unknown; by: string }): Promise<Reply> {
    const stored = await this.#parts.values.store(data);
    return this.#send(runId, { type: "signal", name, data: stored, by });
  }

  #send(runId: string, message: Message): Promise<Reply> {
    return this.#actor(runId).send(message);
  }

  async #startChild(child: {
    name: string;
    input: unknown;
    parent: { runId: string; key: string };
    principal: Principal;
    onceKey: string;
  }): Promise<string> {
    const { run } = await this.#read(child.parent.runId);
    const plan = await this.#parts.find(child.name);
    const request = {
      ...{ workflow: { plan }, input: child.input, principal: child.principal, idempotencyKey: child.onceKey },
      budget: remaining(run, plan.budget),
    };
    return (await this.#begin(request, { parent: child.parent })).id;
  }

  async #resultOf(runId: string) {
    const { run } = await this.#read(runId);
    const { state, output, error, tokensIn, tokensOut, usd, unpriced } = run;
    return {
      state,
      output: output === null ? null : await this.#parts.values.load(output),
      error: error?.message ?? null,
      used: { tokensIn, tokensOut, usd: unpriced > 0 ? null : usd, model: null },
    };
  }

  /** What happens to a run happens to the runs that it began. */
  async #cascade(runId: string): Promise<void> {
    const { run } = await this.#read(runId);
    if (run.state !== "cancelling" && run.state !== "cancelled") return;
    for (const child of await this.#store.children(runId)) {
      if (isEnded(child.state)) continue;
      await this.#send(child.id, { type: "cancel", by: `the run ${runId}` });
      await this.#cascade(child.id);
    }
  }

  #actor(id: string): RunActor {
    const known = this.#actors.get(id);
    if (known) return known;
    const { clock, logger, dispatcher, random = Math.random } = this.#parts;
    const actor = new RunActor(id, {
      store: this.#store,
      types: this.#types,
      plan: (hash) => this.#plan(hash),
      now: () => clock.now(),
      random,
      logger,
      shared: dispatcher.shared,
      enlist: (tx, jobs) => dispatcher.enlist(tx, jobs),
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
    if (draft.events.some(({ key }) => key === null)) this.#waiters.tell(run.id);
    const word = isEnded(run.state) ? farewell(run, draft.now) : null;
    if (word) {
      const tell = this.#send(word.runId, { type: "signal", ...word.signal });
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
    } finally {
      this.#rest(actor, 1);
    }
  }

  async #ring(): Promise<void> {
    try {
      const due = await this.#store.dueRuns(this.#parts.clock.now());
      await Promise.all(due.map((id) => this.#send(id, { type: "look" })));
      await this.#setAlarm();
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      this.#parts.logger.error({ err: error }, "what is due could not be begun and is tried again");
      this.#alarm.setFor(this.#parts.clock.now() + 1000);
    }
  }

  async #setAlarm(): Promise<void> {
    const next = await this.#store.nextDue();
    if (next !== null && !this.#stop.signal.aborted) this.#alarm.setFor(next);
  }

  /** Plans never change, so those in use are kept. */
  async #plan(hash: string): Promise<Plan> {
    const known = this.#plans.get(hash);
    if (known) return known;
    const plan = await this.#store.plan(hash);
    this.#plans.set(hash, plan);
    return plan;
  }

  async #read(runId: string): Promise<RunSnapshot> {
    const snapshot = await this.#store.read(runId);
    if (!snapshot) throw unknownRun(runId);
    return snapshot;
  }

  async #summary(runId: string): Promise<RunSummary> {
    return summaryOf((await this.#read(runId)).run, this.#parts.clock.now());
  }
}

function farewell(run: RunRecord, at: number) {
  if (run.parentRun === null) return null;
  const data = JSON.stringify({ state: run.state });
  return { runId: run.parentRun, signal: { name: childSignal(run.id), data, by: `run:${run.id}`, at } };
}

/** A child may use what its own definition allows, and never more than its parent has left. */
function remaining(run: RunRecord, own: Budget): Budget {
  const least = (a: number | null, b: number | null) => (a === null ? b : b === null ? a : Math.min(a, b));
  const left = (limit: number | null, used: number) => (limit === null ? null : Math.max(0, limit - used));
  return {
    usd: least(own.usd, left(run.budget.usd, run.usd)),
    tokens: least(own.tokens, left(run.budget.tokens, run.tokensIn + run.tokensOut)),
    ms: least(own.ms, left(run.budget.ms, run.activeMs)),
  };
}
