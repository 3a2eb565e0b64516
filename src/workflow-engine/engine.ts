import { SpecloopError } from "../foundation/errors.ts";
import { type Principal, principalLabel } from "../foundation/principal.ts";
import type { Service } from "../foundation/service.ts";
import type { NodeType } from "./node-type.ts";
import type { EngineParts, NewRun } from "./engine-parts.ts";
import { approval } from "./nodes/approval.ts";
import { map } from "./nodes/map.ts";
import { wait } from "./nodes/wait.ts";
import { workflow } from "./nodes/workflow.ts";
import type { Budget, Plan } from "./plan.ts";
import { remaining } from "./budget.ts";
import type { RunPage } from "./run-store.ts";
import { mayAnswer } from "./run/answering.ts";
import { APPROVE } from "./run/commands.ts";
import { copiedRows } from "./run/fork.ts";
import { checkInput } from "./run/input.ts";
import type { Reply, RunEvent } from "./run/messages.ts";
import { type Family, newRun } from "./run/new-run.ts";
import { locate } from "./run/places.ts";
import { Runtime } from "./run/runtime.ts";
import { Undoing } from "./rollback/undoing.ts";
import { waitForRest } from "./run/wait-for.ts";
import { detailsOf, type NodeDetails, nodeDetails, type RunDetails, type RunSummary, summaryOf } from "./views.ts";

/** Runs workflows: durable to the node, over a store that may be SQLite or PostgreSQL. */
export class WorkflowEngine implements Service {
  readonly name = "workflow-engine";
  readonly #parts: EngineParts;
  readonly #runtime: Runtime;
  readonly #undoing: Undoing;
  readonly #types: ReadonlyMap<string, NodeType>;

  constructor(parts: EngineParts) {
    this.#parts = parts;
    const now = () => parts.clock.now();
    this.#undoing = this.#newUndoing();
    const own = [
      this.#undoing.type,
      wait(now),
      approval(now),
      map,
      workflow({ start: (child) => this.#startChild(child), result: (id) => this.#resultOf(id) }),
    ];
    this.#types = new Map([...own, ...parts.types].map((type) => [type.type, type as NodeType]));
    this.#runtime = new Runtime(parts, this.#types);
  }

  /** The node types that run here, for checking definitions. */
  get types(): NodeType[] {
    return [...this.#types.values()];
  }

  async start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await this.#runtime.start(signal);
  }

  /** Begins a run. Throws `unknown_workflow`, `bad_workflow`, `bad_input` for an input that does not fit. */
  run(request: NewRun): Promise<RunSummary> {
    return this.#begin(request, {});
  }

  /** Throws `unknown_run`. */
  async get(runId: string): Promise<RunDetails> {
    const { snapshot, plan } = await this.#runtime.look(runId);
    const details = await detailsOf(snapshot, plan, this.#parts.values, this.#parts.clock.now());
    return { ...details, undone: await this.#undoing.report({ snapshot, plan }) };
  }

  /** One node of a run with each of its attempts: input, output, cost and log. */
  async node(runId: string, key: string): Promise<NodeDetails> {
    const row = (await this.#runtime.read(runId)).nodes.get(key);
    if (!row) {
      const { plan } = await this.#runtime.look(runId);
      locate(plan, key);
      throw new SpecloopError("bad_input", `The node "${key}" has not begun in this run.`, { target: key });
    }
    return nodeDetails(row, await this.#runtime.store.attempts(runId, key), this.#parts.values);
  }

  async list(page: RunPage): Promise<RunSummary[]> {
    const now = this.#parts.clock.now();
    return (await this.#runtime.store.list(page)).map((run) => summaryOf(run, now));
  }

  /** What happened after an event, oldest first, at most `limit`. */
  events(runId: string, afterSeq: number, limit = 1000): Promise<RunEvent[]> {
    return this.#runtime.store.events(runId, afterSeq, limit);
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
    const { snapshot, plan } = await this.#runtime.look(runId);
    const { node } = locate(plan, key);
    mayAnswer({ node, key, run: snapshot.run, row: snapshot.nodes.get(key), principal });
    return this.#signal(runId, { name: APPROVE + key, data: { approved, comment }, by: principal.name });
  }

  async cancel(runId: string, principal: Principal): Promise<Reply> {
    const reply = await this.#runtime.send(runId, { type: "cancel", by: principal.name });
    await this.#runtime.cascade(runId);
    return reply;
  }

  /** Begins nothing more; what is under way ends. */
  pause(runId: string, principal: Principal): Promise<Reply> {
    return this.#runtime.send(runId, { type: "pause", by: principal.name });
  }

  /** A paused run goes on; a failed one does again what did not end well, or everything from a node on. */
  resume(
    runId: string,
    principal: Principal,
    { from = null, budget = null }: { from?: string | null; budget?: Partial<Budget> | null } = {},
  ): Promise<Reply> {
    return this.#runtime.send(runId, { type: "resume", by: principal.name, from, budget });
  }

  /**
   * Undoes what a run did, the last that ended first: the `undo` of each node, the documents and the runs below. `to`: only
   * back to before this node was begun.
   */
  undo(runId: string, principal: Principal, to: string | null = null): Promise<Reply> {
    return this.#undoing.undo(runId, principal, to);
  }

  /** A person says what became of a node that was cut off in the middle. */
  async resolve(
    runId: string,
    { key, how, output }: { key: string; how: "done" | "retry" | "fail"; output?: unknown },
    principal: Principal,
  ): Promise<Reply> {
    const stored = output === undefined ? null : await this.#parts.values.store(output);
    return this.#runtime.send(runId, { type: "resolve", by: principal.name, key, how, output: stored });
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
    const from = await this.#runtime.read(runId);
    const plan = changes.plan ?? (await this.#runtime.plan(from.run.hash));
    const input = changes.input === undefined ? await this.#parts.values.load(from.run.input) : changes.input;
    const budget = { ...from.run.budget, ...changes.budget };
    return this.#begin({ workflow: { plan }, input, principal, budget }, { fork: { from, key: changes.from ?? null } });
  }

  /** The plan of a run's workflow as it is now. */
  async current(runId: string): Promise<Plan> {
    return this.#parts.find((await this.#runtime.read(runId)).run.workflow);
  }

  /** The run as soon as it does not go on by itself (it ended, waits or is paused), or after `ms`. */
  async waitFor(runId: string, ms: number, signal?: AbortSignal): Promise<RunDetails> {
    const { waiters, stopping } = this.#runtime;
    const signals = [stopping, ...(signal ? [signal] : [])];
    const look = async () => (await this.#runtime.look(runId)).snapshot;
    await waitForRest({ runId, ms, signals, waiters, clock: this.#parts.clock, look });
    return this.get(runId);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#runtime[Symbol.asyncDispose]();
  }

  async #begin(
    { workflow: source, input, principal, budget, idempotencyKey }: NewRun,
    family: Family,
  ): Promise<RunSummary> {
    if (idempotencyKey !== undefined) {
      const known = await this.#runtime.store.startedWith(principal, idempotencyKey);
      if (known !== null) return this.#summary(known);
    }
    const plan = "plan" in source ? source.plan : await this.#parts.find(source.name);
    await this.#parts.guard.begin(plan);
    const given = checkInput(plan, input);
    const nodes = family.fork ? copiedRows(family.fork.from, plan, family.fork.key) : [];
    const stored = await this.#parts.values.store(given);
    const now = this.#parts.clock.now();
    const home = family.parent ? family.parent.home : (this.#parts.home ?? null);
    const run = newRun({ plan, input: stored, principal, budget, idempotencyKey, now, home, ...family });
    const made = await this.#runtime.begin(run, plan, nodes);
    if (made) return this.#summary(run.id);
    return this.#summary((await this.#runtime.store.startedWith(principal, run.idempotencyKey ?? "")) ?? run.id);
  }

  /** A signal from inside the daemon: its name has a colon, so no client can send it. */
  tell(runId: string, signal: { name: string; data: unknown; by: string }): Promise<Reply> {
    return this.#signal(runId, signal);
  }

  #newUndoing(): Undoing {
    return new Undoing({
      desk: this.#parts.rollback ?? null,
      values: this.#parts.values,
      types: () => this.#types,
      look: (id) => this.#runtime.look(id),
      send: (id, message) => this.#runtime.send(id, message),
      events: (id, after, limit) => this.events(id, after, limit),
      children: (id) => this.#runtime.store.children(id),
      waitFor: (id, ms, signal) => this.waitFor(id, ms, signal),
    });
  }

  async #signal(runId: string, { name, data, by }: { name: string; data: unknown; by: string }): Promise<Reply> {
    const stored = await this.#parts.values.store(data);
    return this.#runtime.send(runId, { type: "signal", name, data: stored, by });
  }

  async #startChild(child: {
    name: string;
    input: unknown;
    parent: { runId: string; key: string };
    principal: Principal;
    onceKey: string;
  }): Promise<string> {
    const { run } = await this.#runtime.read(child.parent.runId);
    const plan = await this.#parts.find(child.name);
    const request = {
      workflow: { plan },
      input: child.input,
      principal: child.principal,
      idempotencyKey: child.onceKey,
      budget: remaining(run, plan.budget),
    };
    return (await this.#begin(request, { parent: { ...child.parent, home: run.home } })).id;
  }

  async #resultOf(runId: string) {
    const { run } = await this.#runtime.read(runId);
    const { state, output, error, tokensIn, tokensOut, usd, unpriced } = run;
    return {
      state,
      output: output === null ? null : await this.#parts.values.load(output),
      error: error?.message ?? null,
      used: { tokensIn, tokensOut, usd: unpriced > 0 ? null : usd, model: null },
    };
  }

  async #summary(runId: string): Promise<RunSummary> {
    return summaryOf((await this.#runtime.read(runId)).run, this.#parts.clock.now());
  }
}
