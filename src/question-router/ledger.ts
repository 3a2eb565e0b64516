import type { Kysely } from "kysely";
import { updateSealed, type Store } from "../adapters/store/index.ts";
import type { RecordResult } from "../access/index.ts";
import { SpecloopError } from "../foundation/errors.ts";
import { chunks, Listing, type PageFilter } from "./listing.ts";
import { insertAnswer, insertQuestion, type NewAnswer, type NewQuestion } from "./insert.ts";
import {
  type AnswerRow,
  type HistoryRow,
  type QuestionRow,
  type StoredAnswer,
  toAnswer,
  toStored,
  toView,
} from "./rows.ts";
import type { QuestionTables } from "./tables.ts";
import type { Answer, QuestionPage, QuestionView, Verdict } from "./types.ts";

type Db = Kysely<QuestionTables>;

/** Questions that are closed in one transaction. */
const EXPIRED_AT_ONCE = 500;

/** Questions and answers in the core database; every write is committed when its promise resolves. */
export class Ledger {
  readonly #store: Store<QuestionTables>;
  /** Null: to be counted. Counted anew from time to time, because others may write to the same database. */
  #pending: number | null = null;
  readonly #listing: Listing;

  constructor(store: Store<QuestionTables>) {
    this.#store = store;
    this.#listing = new Listing(store);
  }

  /** Accepts a question as pending. Throws `too_many_questions` when `maxPending` of them wait already. */
  async accept(question: NewQuestion, record: Recording, maxPending = Number.POSITIVE_INFINITY): Promise<void> {
    this.#pending ??= await this.#countPending();
    if (this.#pending >= maxPending) {
      throw new SpecloopError("too_many_questions", `${this.#pending} questions wait for an answer already.`, {
        details: { maxPending },
      });
    }
    this.#pending += 1;
    try {
      await this.#store.write(async (tx) => {
        await insertQuestion(tx, question, { status: "pending", closedAt: null, answerId: null });
        await record(asUntyped(tx), question.id);
      });
    } catch (error) {
      this.#pending = null;
      throw error;
    }
  }

  /** Accepts a question together with its answer. */
  async acceptAnswered(
    question: NewQuestion,
    given: { answer: NewAnswer; at: number },
    record: Recording,
  ): Promise<Answer> {
    return this.#store.write(async (tx) => {
      await insertQuestion(tx, question, { status: "answered", closedAt: given.at, answerId: given.answer.id });
      const answer = await insertAnswer(tx, question, given);
      await record(asUntyped(tx), question.id);
      return answer;
    });
  }

  /**
   * Gives a pending question its answer. Throws `already_answered` (the standing answer is in the details),
   * `question_expired` or `unknown_question`.
   */
  async settle(questionId: string, given: { answer: NewAnswer; at: number }, record: Recording): Promise<Answer> {
    const settled = await this.#store.write(async (tx) => {
      const row = await questionRow(tx, questionId);
      await refuseClosed(tx, row, given.at);
      const set = { status: "answered" as const, closed_at: given.at, answer_id: given.answer.id };
      const answer = await insertAnswer(tx, { id: row.id, key: row.key }, given);
      await updateSealed(tx, "questions", { where: { id: row.id }, set });
      await record(asUntyped(tx), row.id);
      return answer;
    });
    if (this.#pending !== null) this.#pending = Math.max(0, this.#pending - 1);
    return settled;
  }

  /** Throws what `settle` throws for a question that is not pending any more. */
  async refuseClosed(questionId: string, now: number): Promise<void> {
    await refuseClosed(this.#store.read, await questionRow(this.#store.read, questionId), now);
  }

  /** Records a verdict on the standing answer, and the correction as the answer that stands from now on. */
  async judge(
    questionId: string,
    judged: { verdict: Verdict; by: string; at: number },
    correction: NewAnswer | null,
  ): Promise<{ answerId: string; corrected: Answer | null }> {
    return this.#store.write(async (tx) => {
      const row = await questionRow(tx, questionId);
      if (row.answer_id === null) {
        throw new SpecloopError("bad_input", `The question ${questionId} has no answer that could be judged.`, {
          target: questionId,
        });
      }
      const set = { verdict: judged.verdict, judged_by: judged.by, judged_at: judged.at };
      await updateSealed(tx, "answers", { where: { id: row.answer_id }, set });
      if (!correction) return { answerId: row.answer_id, corrected: null };
      const corrected = await insertAnswer(tx, { id: row.id, key: row.key }, { answer: correction, at: judged.at });
      await updateSealed(tx, "questions", { where: { id: row.id }, set: { answer_id: corrected.id } });
      return { answerId: row.answer_id, corrected };
    });
  }

  /** Closes what is past its time, a batch after the other, and returns the ids. */
  async expire(now: number): Promise<string[]> {
    const closed: string[] = [];
    for (;;) {
      const batch = await this.#expireSome(now);
      closed.push(...batch);
      if (batch.length === 0) break;
    }
    this.#pending = null;
    return closed;
  }

  /** When the next pending question expires; null when none is pending. */
  async nextDue(): Promise<number | null> {
    const query = this.#store.read.selectFrom("questions").select("expires_at").where("status", "=", "pending");
    return (await query.orderBy("expires_at").limit(1).executeTakeFirst())?.expires_at ?? null;
  }

  /** The question with this key that still waits for its answer. */
  async openQuestion(key: string, now: number): Promise<OpenQuestion | null> {
    const row = await this.#store.read
      .selectFrom("questions")
      .select(["id", "expires_at"])
      .where("key", "=", key)
      .where("status", "=", "pending")
      .where("expires_at", ">", now)
      .executeTakeFirst();
    return row ? { id: row.id, expiresAt: row.expires_at } : null;
  }

  /** Throws `unknown_question`. */
  async keyOf(questionId: string): Promise<string> {
    return (await questionRow(this.#store.read, questionId)).key;
  }

  /** All answers ever given under a key, newest first. */
  async answersByKey(key: string): Promise<StoredAnswer[]> {
    const query = this.#store.read.selectFrom("answers").selectAll().where("key", "=", key);
    const rows = await query.orderBy("at", "desc").limit(100).execute();
    return rows.map(toStored);
  }

  /** Throws `unknown_question`. */
  async view(questionId: string, now: number): Promise<QuestionView> {
    const row = await questionRow(this.#store.read, questionId);
    return toView(row, row.answer_id === null ? null : await answerRow(this.#store.read, row.answer_id), now);
  }

  /** One page of a list, newest first. */
  page(filter: PageFilter): Promise<QuestionPage> {
    return this.#listing.page(filter);
  }

  /** The newest questions with all their answers. */
  async history(limit: number): Promise<HistoryRow[]> {
    const questions = await this.#store.read
      .selectFrom("questions")
      .selectAll()
      .orderBy("asked_at", "desc")
      .orderBy("id", "desc")
      .limit(limit)
      .execute();
    const byQuestion = new Map<string, StoredAnswer[]>(questions.map(({ id }) => [id, []]));
    for (const ids of chunks([...byQuestion.keys()])) {
      const rows = await this.#store.read
        .selectFrom("answers")
        .selectAll()
        .where("question_id", "in", ids)
        .orderBy("at", "desc")
        .execute();
      for (const row of rows) byQuestion.get(row.question_id)?.push(toStored(row));
    }
    return questions.map((question) => ({ question, answers: byQuestion.get(question.id) ?? [] }));
  }

  async #countPending(): Promise<number> {
    const query = this.#store.read.selectFrom("questions").where("status", "=", "pending");
    const row = await query.select((builder) => builder.fn.countAll<number>().as("n")).executeTakeFirstOrThrow();
    return row.n;
  }

  async #expireSome(now: number): Promise<string[]> {
    const due = await this.#store.read
      .selectFrom("questions")
      .select("id")
      .where("status", "=", "pending")
      .where("expires_at", "<=", now)
      .limit(EXPIRED_AT_ONCE)
      .execute();
    if (due.length === 0) return [];
    return this.#store.write(async (tx) => {
      const closed: string[] = [];
      for (const { id } of due) {
        const where = { id, status: "pending" as const };
        const count = await updateSealed(tx, "questions", { where, set: { status: "expired", closed_at: now } });
        if (count > 0) closed.push(id);
      }
      return closed;
    });
  }
}

export interface OpenQuestion {
  id: string;
  /** Epoch milliseconds. */
  expiresAt: number;
}

/** Writes the caller's idempotency record in the same transaction. */
export type Recording = (tx: Parameters<RecordResult<unknown>>[0], questionId: string) => Promise<void>;

async function refuseClosed(tx: Db, row: QuestionRow, now: number): Promise<void> {
  if (row.status === "answered" && row.answer_id !== null) {
    const standing = await answerRow(tx, row.answer_id);
    throw new SpecloopError("already_answered", `The question ${row.id} was answered by ${standing.author}.`, {
      target: row.id,
      details: { answer: toAnswer(standing) },
    });
  }
  if (row.status === "expired" || row.expires_at <= now) {
    throw new SpecloopError("question_expired", `The question ${row.id} expired without an answer.`, {
      target: row.id,
    });
  }
}

async function questionRow(db: Db, id: string): Promise<QuestionRow> {
  const row = await db.selectFrom("questions").selectAll().where("id", "=", id).executeTakeFirst();
  if (!row) throw new SpecloopError("unknown_question", `There is no question ${id}.`, { target: id });
  return row;
}

function answerRow(db: Db, id: string): Promise<AnswerRow> {
  return db.selectFrom("answers").selectAll().where("id", "=", id).executeTakeFirstOrThrow();
}

/** The record goes into another part's tables of the same database. */
function asUntyped(tx: Db): Kysely<never> {
  return tx as unknown as Kysely<never>;
}
