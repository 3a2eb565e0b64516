import { SpecloopError } from "../../foundation/errors.ts";
import type { Logger } from "../../foundation/logger.ts";
import type { PeriodBudgets } from "../cost/period-budgets.ts";
import type { NodeType } from "../node-type.ts";
import type { Plan } from "../plan.ts";
import type { RunStore } from "../run-store.ts";
import { applyAll } from "./apply.ts";
import { Draft, type RunSnapshot } from "./draft.ts";
import type { Message, Reply } from "./messages.ts";
import { isEnded, type NodeRecord, type RunRecord, type SignalRecord } from "./state.ts";

export interface ActorParts {
  store: RunStore;
  types: ReadonlyMap<string, NodeType>;
  budgets: PeriodBudgets;
  plan: (hash: string) => Promise<Plan>;
  /** Whether the plan is known to be in the store; and that it is now. */
  isStored: (hash: string) => boolean;
  stored: (plan: Plan) => void;
  now: () => number;
  random: () => number;
  logger: Logger;
  /** Whether others write runs, too: then what was read before is relied on only while the row says that it is so. */
  shared: boolean;
  /** Nothing more to do for now. */
  rest: (actor: RunActor) => void;
  /** Inside the transaction: a dispatcher that keeps jobs in the same store takes them here. */
  enlist: (tx: Parameters<Parameters<RunStore["write"]>[0]>[0], draft: Draft, plan: Plan) => Promise<void>;
  /** After the commit, with what the run is now. */
  committed: (draft: Draft, snapshot: RunSnapshot) => void;
  /** Milliseconds before a result that could not be kept is tried again. */
  again: (ms: number) => Promise<void>;
  /** What a child tells its parent when it ends. */
  farewell: (draft: Draft) => { runId: string; signal: SignalRecord } | null;
}

interface Letter {
  message: Message;
  resolve(reply: Reply): void;
  reject(error: unknown): void;
}

/** First pause, milliseconds, before a result is kept once more when the store could not; doubles up to the second. */
const AGAIN_MS = [200, 10_000] as const;

/** What happened whether it could be kept or not: results, what was spent, and time that is over. */
const FACTS = new Set<Message["type"]>(["ended", "spent", "time"]);

/**
 * One run while something happens to it. Messages that arrive while a transaction is under way are applied together in
 * the next one, so that a wide run needs few commits. What could not be committed is not kept in memory either.
 */
export class RunActor {
  readonly id: string;
  readonly #parts: ActorParts;
  #letters: Letter[] = [];
  #snapshot: RunSnapshot | null = null;
  #plan: Plan | null = null;
  #draining: Promise<void> | null = null;
  /** Attempts of this process that are under way. */
  inFlight = 0;

  constructor(id: string, parts: ActorParts) {
    this.id = id;
    this.#parts = parts;
  }

  /** Nothing is going on, so it may be forgotten. */
  get idle(): boolean {
    return this.#draining === null && this.#letters.length === 0 && this.inFlight === 0;
  }

  /** Resolves when the message and what follows from it are durable. */
  send(message: Message): Promise<Reply> {
    const { promise, resolve, reject } = Promise.withResolvers<Reply>();
    this.#letters.push({ message, resolve, reject });
    this.#draining ??= this.#drain();
    return promise;
  }

  /** Makes the run and begins it, in one transaction; false when its idempotency key was used before. */
  async begin(run: RunRecord, plan: Plan, nodes: NodeRecord[]): Promise<boolean> {
    const { store, types, random, now, isStored } = this.#parts;
    const draft = await store.write(async (tx) => {
      if (!isStored(plan.hash)) await store.putPlan(tx, plan, now());
      if (!(await store.create(tx, run))) return null;
      const changes = new Draft({ run, nodes: new Map(), signals: new Map() }, now());
      changes.event(null, "run.started", { workflow: run.workflow, by: run.principal.name });
      for (const row of nodes) {
        const endedSeq = changes.event(row.key, "node.copied", { from: run.forkedFrom });
        changes.put(row.key, row.type, { ...row, endedSeq });
      }
      applyAll(changes, [], { plan, types, random });
      await store.save(tx, changes);
      await this.#parts.enlist(tx, changes, plan);
      return changes;
    });
    if (!draft) return false;
    this.#plan = plan;
    this.#parts.stored(plan);
    this.#snapshot = draft.committed();
    this.#parts.committed(draft, this.#snapshot);
    return true;
  }

  /** The run and its plan as they are committed; throws `unknown_run`. */
  async look(): Promise<{ snapshot: RunSnapshot; plan: Plan }> {
    const known = this.#snapshot;
    const snapshot = this.#parts.shared || !known ? await this.#parts.store.read(this.id, known) : known;
    if (!snapshot) throw unknownRun(this.id);
    if (this.#parts.shared && this.#snapshot === known) this.#snapshot = snapshot;
    this.#plan ??= await this.#parts.plan(snapshot.run.hash);
    return { snapshot, plan: this.#plan };
  }

  async settled(): Promise<void> {
    while (this.#draining) await this.#draining;
  }

  async #drain(): Promise<void> {
    let pause: number = AGAIN_MS[0];
    while (this.#letters.length > 0) {
      const letters = this.#letters;
      this.#letters = [];
      try {
        const replies = await this.#commit(letters.map(({ message }) => message));
        letters.forEach((letter, index) => {
          const reply = replies[index]!;
          if (reply instanceof Error) letter.reject(reply);
          else letter.resolve(reply);
        });
        pause = AGAIN_MS[0];
      } catch (error) {
        this.#snapshot = null;
        const kept = this.#refuse(letters, error);
        if (kept.length === 0) continue;
        this.#parts.logger.error({ err: error, run: this.id }, "a step of a run could not be kept and is tried again");
        this.#letters.unshift(...kept);
        await this.#parts.again(pause);
        pause = Math.min(pause * 2, AGAIN_MS[1]);
      }
    }
    this.#draining = null;
    this.#parts.rest(this);
  }

  /** Who asks is told; what happened in the world is kept and tried again, unless the process is ending. */
  #refuse(letters: Letter[], error: unknown): Letter[] {
    const final = error instanceof SpecloopError && ["daemon_stopping", "unknown_run"].includes(error.code);
    const facts = letters.filter(({ message }) => !final && FACTS.has(message.type));
    for (const letter of letters) if (!facts.includes(letter)) letter.reject(error);
    return facts;
  }

  async #commit(messages: Message[]): Promise<(Reply | Error)[]> {
    const { store, types, budgets, random, now, shared } = this.#parts;
    const known = this.#plan ?? (await this.look()).plan;
    const { draft, replies } = await store.write(async (tx) => {
      const kept = this.#snapshot;
      const snapshot = shared || !kept ? await store.load(tx, this.id, kept) : kept;
      if (!snapshot) throw unknownRun(this.id);
      const changes = new Draft(snapshot, now());
      if (messages.some(spends)) changes.standings = await budgets.standings(tx, changes.run);
      const told = applyAll(changes, messages, { plan: known, types, random });
      await store.save(tx, changes);
      await budgets.settle(tx, changes);
      await this.#parts.enlist(tx, changes, known);
      const farewell = isEnded(changes.run.state) ? this.#parts.farewell(changes) : null;
      if (farewell) await store.putSignal(tx, farewell.runId, farewell.signal);
      return { draft: changes, replies: told };
    });
    this.#snapshot = draft.committed();
    this.#parts.committed(draft, this.#snapshot);
    return replies;
  }
}

function spends(message: Message): boolean {
  return message.type === "spent" || (message.type === "claim" && message.reserve !== null);
}

export function unknownRun(id: string): SpecloopError {
  return new SpecloopError("unknown_run", `There is no run ${id}.`, { target: id });
}
