import type { Selectable, SelectQueryBuilder } from "kysely";
import type { Store } from "../adapters/store/index.ts";
import type { Logger } from "../foundation/logger.ts";
import type { QuestionTelemetryTables } from "./tables.ts";
import type { Hop, Outcome, ResponderName, Route, Status } from "./types.ts";

export interface AskRecord {
  questionId: string;
  at: number;
  asker: string;
  status: Status;
  route: Route | null;
  cached: boolean;
  ms: number;
}

/**
 * One row per ask and per rung. They are statistics: an answer that was already given is not withheld because they could
 * not be written, so a failure is logged and the ask succeeds.
 */
export class AskTelemetry {
  readonly #store: Store<QuestionTelemetryTables>;
  readonly #logger: Logger;

  constructor({ store, logger }: { store: Store<QuestionTelemetryTables>; logger: Logger }) {
    this.#store = store;
    this.#logger = logger;
  }

  async record({ questionId, at, asker, status, route, cached, ms }: AskRecord): Promise<void> {
    try {
      await this.#store.write(async (tx) => {
        const ask = { question_id: questionId, at, asker, status, route, cached: cached ? 1 : 0, ms };
        await tx.insertInto("question_asks").values(ask).execute();
      });
    } catch (error) {
      this.#logger.warn({ err: error, questionId }, "an ask could not be recorded");
    }
  }

  /** Keeps the rungs of one climb, in the order in which they ended; the first of them has the place `from`. */
  async recordHops(questionId: string, { hops, from, at }: { hops: Hop[]; from: number; at: number }): Promise<void> {
    const rows = hops.map(({ responder, outcome, ms, reason, at: began, cost }, index) => ({
      question_id: questionId,
      place: from + index,
      responder,
      outcome,
      ms,
      reason,
      at,
      began_at: began ?? null,
      tokens_in: cost?.tokensIn ?? null,
      tokens_out: cost?.tokensOut ?? null,
      usd: cost?.usd ?? null,
    }));
    if (rows.length === 0) return;
    try {
      await this.#store.write((tx) => tx.insertInto("question_hops").values(rows).execute());
    } catch (error) {
      this.#logger.warn({ err: error, questionId }, "the rungs of a question could not be recorded");
    }
  }

  /** Drops what was recorded before `at` (epoch milliseconds); questions and answers stay. */
  async forget(at: number): Promise<void> {
    await this.#store.write(async (tx) => {
      await tx.deleteFrom("question_asks").where("at", "<", at).execute();
      await tx.deleteFrom("question_hops").where("at", "<", at).execute();
    });
  }

  /** The rungs of a question in the order in which they were tried. */
  async hops(questionId: string): Promise<Hop[]> {
    const rows = await this.#hopRows((query) => query.where("question_id", "=", questionId).orderBy("at"));
    return rows.map(toHop);
  }

  /** The last runs of one responder that took any time, oldest first: what its pace is learnt from. */
  async runsOf(responder: ResponderName): Promise<Hop[]> {
    const rows = await this.#hopRows((query) => query.where("responder", "=", responder).orderBy("at", "desc"));
    return rows.map(toHop).toReversed();
  }

  #hopRows(chosen: (query: HopQuery) => HopQuery): Promise<HopRow[]> {
    return chosen(this.#store.read.selectFrom("question_hops").selectAll()).orderBy("place").limit(100).execute();
  }
}

type HopRow = Selectable<QuestionTelemetryTables["question_hops"]>;
type HopQuery = SelectQueryBuilder<QuestionTelemetryTables, "question_hops", HopRow>;

function toHop(row: HopRow): Hop {
  const { responder, ms, reason, began_at: at, tokens_in: tokensIn, tokens_out: tokensOut, usd } = row;
  const cost = tokensIn === null || tokensOut === null ? {} : { cost: { tokensIn, tokensOut, usd } };
  return { responder, outcome: row.outcome as Outcome, ms, reason, ...(at !== null && { at }), ...cost };
}
