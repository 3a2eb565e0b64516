import type { Store } from "../adapters/store/index.ts";
import type { Logger } from "../foundation/logger.ts";
import type { QuestionTelemetryTables } from "./tables.ts";
import type { Hop, Route, Status } from "./types.ts";

export interface AskRecord {
  questionId: string;
  at: number;
  asker: string;
  status: Status;
  route: Route | null;
  cached: boolean;
  ms: number;
  /** The rungs of this ask; empty where it joined another one that was in flight. */
  hops: Hop[];
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

  async record({ questionId, at, asker, status, route, cached, ms, hops }: AskRecord): Promise<void> {
    try {
      await this.#store.write(async (tx) => {
        const ask = { question_id: questionId, at, asker, status, route, cached: cached ? 1 : 0, ms };
        await tx.insertInto("question_asks").values(ask).execute();
        const rows = hops.map((hop, place) => ({ question_id: questionId, place, at, ...hop }));
        if (rows.length > 0) await tx.insertInto("question_hops").values(rows).execute();
      });
    } catch (error) {
      this.#logger.warn({ err: error, questionId }, "an ask could not be recorded");
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
    return this.#store.read
      .selectFrom("question_hops")
      .select(["responder", "outcome", "ms", "reason"])
      .where("question_id", "=", questionId)
      .orderBy("at")
      .orderBy("place")
      .limit(100)
      .$castTo<Hop>()
      .execute();
  }
}
