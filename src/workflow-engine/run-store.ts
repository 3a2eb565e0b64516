import type { Kysely, Transaction } from "kysely";
import { SpecloopError } from "../foundation/errors.ts";
import { type Principal, principalLabel } from "../foundation/principal.ts";
import type { Store } from "../adapters/store/index.ts";
import type { Plan } from "./plan.ts";
import type { Draft, RunSnapshot } from "./run/draft.ts";
import type { Attempted, RunEvent } from "./run/messages.ts";
import type { NodeRecord, RunRecord, RunState, SignalRecord } from "./run/state.ts";
import { answered, halfCancelled, interrupted } from "./run/left-behind.ts";
import { nodeRow, readNode, readRun, runRow } from "./run/rows.ts";
import type { AttemptRow, WorkflowTables } from "./tables.ts";

type Db = Kysely<WorkflowTables> | Transaction<WorkflowTables>;

/** SQLite binds at most 32,766 values in a statement; PostgreSQL 65,535. */
const ROWS = 500;

export interface RunPage {
  state?: RunState | undefined;
  workflow?: string | undefined;
  limit: number;
  /** The last run of the page before. */
  after?: { createdAt: number; id: string } | undefined;
}

/** Reads and writes runs. Only portable queries: SQLite and PostgreSQL stand behind it. */
export class RunStore {
  readonly #store: Store<WorkflowTables>;
  /** Whether others write, too, so that a run's row is locked before it is read. */
  readonly #shared: boolean;

  constructor(store: Store<WorkflowTables>, shared: boolean) {
    this.#store = store;
    this.#shared = shared;
  }

  write<T>(work: (tx: Kysely<WorkflowTables>) => Promise<T>): Promise<T> {
    return this.#store.write(work);
  }

  async putPlan(tx: Db, plan: Plan, now: number): Promise<void> {
    await tx
      .insertInto("workflow_definitions")
      .values({ hash: plan.hash, name: plan.name, plan: JSON.stringify(plan), created_at: now })
      .onConflict((conflict) => conflict.column("hash").doNothing())
      .execute();
  }

  async plan(hash: string): Promise<Plan> {
    const row = await this.#store.read
      .selectFrom("workflow_definitions")
      .select("plan")
      .where("hash", "=", hash)
      .executeTakeFirst();
    if (!row) throw new SpecloopError("store_corrupt", `The definition ${hash} of a run is gone.`, { target: hash });
    return JSON.parse(row.plan) as Plan;
  }

  /**
   * A run with everything that `decide` looks at; null when there is none. Locks it where others write, too. Nodes that
   * are `known` are read only if another process changed the run meanwhile; signals always, as a child's end is put beside.
   */
  async load(tx: Db, id: string, known: RunSnapshot | null = null): Promise<RunSnapshot | null> {
    const query = tx.selectFrom("workflow_runs").selectAll().where("id", "=", id);
    const row = await (this.#shared ? query.forUpdate() : query).executeTakeFirst();
    if (!row) return null;
    const run = readRun(row);
    const nodes = known?.run.version === run.version ? known.nodes : await this.#nodes(tx, id);
    const signals = await tx.selectFrom("workflow_signals").selectAll().where("run_id", "=", id).execute();
    return {
      run,
      nodes,
      signals: new Map(signals.map((signal) => [signal.name, { ...signal, at: signal.at }])),
    };
  }

  read(id: string, known: RunSnapshot | null = null): Promise<RunSnapshot | null> {
    const query = this.#store.read;
    return new RunStore(this.#store, false).load(query, id, known);
  }

  async #nodes(tx: Db, id: string): Promise<Map<string, NodeRecord>> {
    const rows = await tx.selectFrom("workflow_nodes").selectAll().where("run_id", "=", id).execute();
    return new Map(rows.map((row) => [row.key, readNode(row)]));
  }

  /** Inserts a run; false when its idempotency key was used by the same principal before. */
  async create(tx: Db, run: RunRecord): Promise<boolean> {
    const inserted = await tx
      .insertInto("workflow_runs")
      .values(runRow(run))
      .onConflict((conflict) => conflict.doNothing())
      .returning("id")
      .execute();
    return inserted.length > 0;
  }

  async startedWith(principal: Principal, key: string): Promise<string | null> {
    const row = await this.#store.read
      .selectFrom("workflow_runs")
      .select("id")
      .where("started_by", "=", principalLabel(principal))
      .where("idempotency_key", "=", key)
      .executeTakeFirst();
    return row?.id ?? null;
  }

  /** Everything that a draft changed. */
  async save(tx: Db, draft: Draft): Promise<void> {
    const { run } = draft;
    const { id, input: _input, ...changes } = runRow(run);
    await tx.updateTable("workflow_runs").set(changes).where("id", "=", id).execute();
    await this.#saveNodes(tx, id, [...draft.changed.values()]);
    await this.#saveSignals(tx, id, draft);
    await this.#appendEvents(tx, id, draft.events);
    await this.#appendAttempts(tx, id, draft.attempts);
  }

  async #saveNodes(tx: Db, runId: string, nodes: NodeRecord[]): Promise<void> {
    for (const some of chunks(nodes)) {
      await tx
        .insertInto("workflow_nodes")
        .values(some.map((node) => nodeRow(runId, node)))
        .onConflict((conflict) =>
          conflict.columns(["run_id", "key"]).doUpdateSet((row) => ({
            status: row.ref("excluded.status"),
            due_at: row.ref("excluded.due_at"),
            signal: row.ref("excluded.signal"),
            body: row.ref("excluded.body"),
          })),
        )
        .execute();
    }
  }

  async #saveSignals(tx: Db, runId: string, { signals, dropped }: Draft): Promise<void> {
    if (dropped.size > 0) {
      await tx
        .deleteFrom("workflow_signals")
        .where("run_id", "=", runId)
        .where("name", "in", [...dropped])
        .execute();
    }
    for (const some of chunks([...signals.values()])) {
      await tx
        .insertInto("workflow_signals")
        .values(some.map((signal) => ({ run_id: runId, ...signal })))
        .onConflict((conflict) => conflict.columns(["run_id", "name"]).doNothing())
        .execute();
    }
  }

  /** A signal from another run, in that one's transaction; the first of its name stays. */
  async putSignal(tx: Db, runId: string, signal: SignalRecord): Promise<void> {
    await tx
      .insertInto("workflow_signals")
      .values({ run_id: runId, ...signal })
      .onConflict((conflict) => conflict.columns(["run_id", "name"]).doNothing())
      .execute();
  }

  async #appendEvents(tx: Db, runId: string, events: RunEvent[]): Promise<void> {
    for (const some of chunks(events)) {
      const rows = some.map((event) => ({ run_id: runId, ...event, data: JSON.stringify(event.data) }));
      await tx.insertInto("workflow_events").values(rows).execute();
    }
  }

  async #appendAttempts(tx: Db, runId: string, attempts: Attempted[]): Promise<void> {
    for (const some of chunks(attempts)) {
      const rows = some.map(({ tokensIn, tokensOut, startedAt, endedAt, error, ...rest }) => ({
        run_id: runId,
        ...rest,
        // What a program said may hold a NUL, which PostgreSQL's text does not.
        log: rest.log.replaceAll("\0", "\u2400"),
        error: error && JSON.stringify(error),
        tokens_in: tokensIn,
        tokens_out: tokensOut,
        started_at: startedAt,
        ended_at: endedAt,
      }));
      await tx.insertInto("workflow_attempts").values(rows).execute();
    }
  }

  async list({ state, workflow, limit, after }: RunPage): Promise<RunRecord[]> {
    let query = this.#store.read.selectFrom("workflow_runs").selectAll();
    if (state) query = query.where("state", "=", state);
    if (workflow !== undefined) query = query.where("workflow", "=", workflow);
    if (after) {
      const { createdAt, id } = after;
      query = query.where((where) =>
        where.or([
          where("created_at", "<", createdAt),
          where.and([where("created_at", "=", createdAt), where("id", "<", id)]),
        ]),
      );
    }
    const rows = await query.orderBy("created_at", "desc").orderBy("id", "desc").limit(limit).execute();
    return rows.map(readRun);
  }

  async events(runId: string, afterSeq: number, limit: number): Promise<RunEvent[]> {
    const rows = await this.#store.read
      .selectFrom("workflow_events")
      .selectAll()
      .where("run_id", "=", runId)
      .where("seq", ">", afterSeq)
      .orderBy("seq")
      .limit(limit)
      .execute();
    return rows.map(({ seq, key, type, data, at }) => ({
      seq,
      key,
      type,
      at,
      data: JSON.parse(data) as Record<string, unknown>,
    }));
  }

  attempts(runId: string, key: string): Promise<AttemptRow[]> {
    return this.#store.read
      .selectFrom("workflow_attempts")
      .selectAll()
      .where("run_id", "=", runId)
      .where("key", "=", key)
      .orderBy("attempt")
      .execute();
  }

  /** What a crash left. See `run/left-behind.ts`. */
  interrupted(): Promise<string[]> {
    return interrupted(this.#store.read);
  }

  answered(): Promise<string[]> {
    return answered(this.#store.read);
  }

  halfCancelled(): Promise<string[]> {
    return halfCancelled(this.#store.read);
  }

  /** When the next retry or deadline of a run that is not paused is due; null when none is. */
  async nextDue(): Promise<number | null> {
    const row = await this.#due().select("due_at").orderBy("due_at").limit(1).executeTakeFirst();
    return row === undefined ? null : row.due_at;
  }

  async dueRuns(now: number): Promise<string[]> {
    const rows = await this.#due().select("run_id").distinct().where("due_at", "<=", now).limit(ROWS).execute();
    return rows.map((row) => row.run_id);
  }

  #due() {
    return this.#store.read
      .selectFrom("workflow_nodes")
      .innerJoin("workflow_runs", "workflow_runs.id", "workflow_nodes.run_id")
      .where("due_at", "is not", null)
      .where("state", "in", ["running", "waiting", "undoing"]);
  }

  async children(runId: string): Promise<{ id: string; state: RunState }[]> {
    const rows = await this.#store.read
      .selectFrom("workflow_runs")
      .select(["id", "state"])
      .where("parent_run", "=", runId)
      .execute();
    return rows.map(({ id, state }) => ({ id, state: state as RunState }));
  }
}

function* chunks<T>(rows: T[]): Iterable<T[]> {
  for (let from = 0; from < rows.length; from += ROWS) yield rows.slice(from, from + ROWS);
}
