import type { Insertable, Kysely } from "kysely";
import { insertSealed, updateSealed, type Store } from "../adapters/store/index.ts";
import type { Clock } from "../foundation/clock.ts";
import type {
  CycleRow,
  ExperimentRow,
  ExperimentState,
  LoopTables,
  PairRow,
  ProblemRow,
  ProposalRow,
  ProposalState,
  TransitionRow,
} from "./tables.ts";

type Changes<Row> = Partial<Omit<Row, "id" | "row_hash" | "state">>;

/** States in which an experiment still has work to do or to wait for. */
export const RUNNING: readonly ExperimentState[] = ["approved", "implementing", "measuring", "inconclusive"];

/** The loop's rows. Every change of state is one transaction with its line in `loop_transitions`. */
export class LoopStore {
  readonly #store: Store<LoopTables>;
  readonly #clock: Clock;

  constructor(store: Store<LoopTables>, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  get read(): Kysely<LoopTables> {
    return this.#store.read;
  }

  async beginCycle(id: string): Promise<void> {
    const row = { finished_at: null, ms: null, model_ms: null, model: null, model_calls: 0, problems: 0, proposals: 0 };
    const cycle = { id, started_at: this.#clock.now(), dropped: "[]", ...row };
    await this.#store.write((tx) => tx.insertInto("loop_cycles").values(cycle).execute());
  }

  async addProblems(rows: ProblemRow[]): Promise<void> {
    if (rows.length === 0) return;
    await this.#store.write((tx) => tx.insertInto("loop_problems").values(rows).execute());
  }

  async finishCycle(id: string, set: Partial<CycleRow>): Promise<void> {
    const done = { ...set, finished_at: this.#clock.now() };
    await this.#store.write((tx) => tx.updateTable("loop_cycles").set(done).where("id", "=", id).execute());
  }

  /** Newest first. */
  cycles(limit: number): Promise<CycleRow[]> {
    return this.read.selectFrom("loop_cycles").selectAll().orderBy("started_at", "desc").limit(limit).execute();
  }

  problemsOf(cycleId: string): Promise<ProblemRow[]> {
    return this.read.selectFrom("loop_problems").selectAll().where("cycle_id", "=", cycleId).orderBy("id").execute();
  }

  /** Model calls of cycles since `since`. */
  async modelCalls(since: number): Promise<number> {
    const query = this.read.selectFrom("loop_cycles").select((row) => row.fn.sum<number>("model_calls").as("calls"));
    const { calls } = await query.where("started_at", ">=", since).executeTakeFirstOrThrow();
    return calls ?? 0;
  }

  async addProposal(row: Omit<ProposalRow, "row_hash">): Promise<void> {
    await this.#store.write(async (tx) => {
      await insertSealed(tx, "loop_proposals", row);
      await this.#note(tx, { subject: row.id, from_state: "", to_state: row.state, detail: row.drafted_by });
    });
  }

  async moveProposal(row: ProposalRow, state: ProposalState, set: Changes<ProposalRow> = {}): Promise<ProposalRow> {
    await this.#store.write(async (tx) => {
      await updateSealed(tx, "loop_proposals", { where: { id: row.id }, set: { ...set, state } });
      const detail = set.reason ?? "";
      await this.#note(tx, { subject: row.id, from_state: row.state, to_state: state, detail });
    });
    return { ...row, ...set, state };
  }

  /** Approves: the proposal's row and the experiment's first row in one transaction. */
  async approve(proposal: ProposalRow, experiment: Omit<ExperimentRow, "row_hash">): Promise<void> {
    await this.#store.write(async (tx) => {
      await updateSealed(tx, "loop_proposals", { where: { id: proposal.id }, set: { state: "approved" } });
      await insertSealed(tx, "loop_experiments", experiment);
      const detail = `${experiment.approved_level} ${experiment.approved_by} ${experiment.approved_commit}`;
      await this.#note(tx, { subject: proposal.id, from_state: proposal.state, to_state: "approved", detail });
    });
  }

  /** A new state, durable before anything is done about it. */
  async move(
    row: ExperimentRow,
    state: ExperimentState,
    set: Changes<ExperimentRow>,
    detail: string,
  ): Promise<ExperimentRow> {
    const changes = { waiting: null, ...set, state, updated_at: this.#clock.now() };
    await this.#store.write(async (tx) => {
      await updateSealed(tx, "loop_experiments", { where: { id: row.id }, set: changes });
      await this.#note(tx, { subject: row.id, from_state: row.state, to_state: state, detail });
    });
    return { ...row, ...changes };
  }

  /** Facts that belong to the present state. */
  async set(row: ExperimentRow, set: Changes<ExperimentRow>): Promise<ExperimentRow> {
    // Waiting goes on for many rounds with the same words.
    if (Object.entries(set).every(([column, value]) => row[column as keyof ExperimentRow] === value)) return row;
    const changes = { ...set, updated_at: this.#clock.now() };
    await this.#store.write((tx) => updateSealed(tx, "loop_experiments", { where: { id: row.id }, set: changes }));
    return { ...row, ...changes };
  }

  async addPairs(rows: PairRow[]): Promise<void> {
    if (rows.length === 0) return;
    const { experiment_id, look } = rows[0]!;
    await this.#store.write(async (tx) => {
      // A look that was cut off by a crash is made again as a whole.
      await tx.deleteFrom("loop_pairs").where("experiment_id", "=", experiment_id).where("look", "=", look).execute();
      for (let start = 0; start < rows.length; start += 500) {
        await tx
          .insertInto("loop_pairs")
          .values(rows.slice(start, start + 500))
          .execute();
      }
    });
  }

  pairsOf(experimentId: string, look: number): Promise<PairRow[]> {
    const query = this.read.selectFrom("loop_pairs").selectAll().where("experiment_id", "=", experimentId);
    return query.where("look", "=", look).orderBy("question_id").execute();
  }

  proposalOfChange(changeId: string): Promise<ProposalRow | undefined> {
    return this.read.selectFrom("loop_proposals").selectAll().where("change_id", "=", changeId).executeTakeFirst();
  }

  proposalsIn(states: readonly ProposalState[]): Promise<ProposalRow[]> {
    const query = this.read.selectFrom("loop_proposals").selectAll().where("state", "in", states);
    return query.orderBy("created_at").orderBy("id").execute();
  }

  /** Newest first. */
  proposals({
    limit,
    before,
  }: {
    limit: number;
    before?: { at: number; id: string } | undefined;
  }): Promise<ProposalRow[]> {
    let query = this.read.selectFrom("loop_proposals").selectAll();
    if (before) {
      query = query.where((row) =>
        row.or([
          row("created_at", "<", before.at),
          row.and([row("created_at", "=", before.at), row("id", "<", before.id)]),
        ]),
      );
    }
    return query.orderBy("created_at", "desc").orderBy("id", "desc").limit(limit).execute();
  }

  experimentsIn(states: readonly ExperimentState[]): Promise<ExperimentRow[]> {
    const query = this.read.selectFrom("loop_experiments").selectAll().where("state", "in", states);
    return query.orderBy("approved_at").orderBy("id").execute();
  }

  /** Those with work left: running ones, and decided ones whose effects are not all done. */
  unfinished(): Promise<ExperimentRow[]> {
    return this.read
      .selectFrom("loop_experiments")
      .selectAll()
      .where((row) => row.or([row("state", "in", RUNNING), row("settled", "=", 0)]))
      .orderBy("approved_at")
      .orderBy("id")
      .execute();
  }

  experimentOf(proposalId: string): Promise<ExperimentRow | undefined> {
    const query = this.read.selectFrom("loop_experiments").selectAll();
    return query.where("proposal_id", "=", proposalId).executeTakeFirst();
  }

  /** Proposals with this fingerprint that ended after `since`: rejected ones and reverted experiments. */
  async endedBadly(fingerprint: string, since: number): Promise<string | null> {
    const closed = await this.read
      .selectFrom("loop_proposals")
      .select("id")
      .where("fingerprint", "=", fingerprint)
      .where("state", "=", "closed")
      .where("closed_at", ">=", since)
      .executeTakeFirst();
    if (closed) return `rejected as ${closed.id}`;
    const reverted = await this.read
      .selectFrom("loop_experiments")
      .innerJoin("loop_proposals", "loop_proposals.id", "loop_experiments.proposal_id")
      .select("loop_proposals.id as id")
      .where("loop_proposals.fingerprint", "=", fingerprint)
      .where("loop_experiments.state", "in", ["reverted", "kept"])
      .where("loop_experiments.updated_at", ">=", since)
      .executeTakeFirst();
    return reverted ? `decided as ${reverted.id}` : null;
  }

  async #note(tx: Kysely<LoopTables>, line: Omit<Insertable<TransitionRow>, "seq" | "at">): Promise<void> {
    const last = await tx
      .selectFrom("loop_transitions")
      .select((row) => row.fn.max("seq").as("seq"))
      .executeTakeFirst();
    const seq = (last?.seq ?? 0) + 1;
    await tx
      .insertInto("loop_transitions")
      .values({ seq, at: this.#clock.now(), ...line })
      .execute();
  }
}
