import type { Kysely } from "kysely";
import { updateSealed, type Store } from "../adapters/store/index.ts";
import type { RecordResult } from "../access/index.ts";
import { SpecloopError } from "../foundation/errors.ts";
import { insertAnswer, insertQuestion, type NewAnswer, type NewQuestion } from "./insert.ts";
import {
  type AnswerRow,
  encodeCursor,
  type HistoryRow,
  type QuestionRow,
  type StoredAnswer,
  toAnswer,
  toStored,
  toView,
} from "./rows.ts";
import type { QuestionTables } from "./tables.ts";
import {
  type Answer,
  type Kind,
  KINDS,
  type QuestionPage,
  type QuestionView,
  type Status,
  type Verdict,
} from "./types.ts";

type Db = Kysely<QuestionTables>;

/** Questions that are closed in one transaction. */
const EXPIRED_AT_ONCE = 500;
/** How long the total of a list stands while its pages are read. */
const COUNTED_MS = 5000;

/** Questions and answers in the core database; every write is committed when its promise resolves. */
export class Ledger {
  readonly #store: Store<QuestionTables>;
  /** Null: to be counted. Counted anew from time to time, because others may write to the same database. */
  #pending: number | null = null;
  /** The last count of a list, so that going through its pages counts once. */
  #counted: { of: string; until: number; total: number } | null = null;

  constructor(store: Store<QuestionTables>) {
    this.#store = store;
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

  async page(filter: PageFilter): Promise<QuestionPage> {
    const { limit, after, now } = filter;
    const total = await this.#total(filter);
    let query = filtered(this.#store.read, filter)
      .selectAll("questions")
      .orderBy("asked_at", "desc")
      .orderBy("id", "desc")
      .limit(limit + 1);
    if (after) {
      // Said twice, because only the plain comparison lets the index begin where the last page ended.
      query = query
        .where("asked_at", "<=", after.askedAt)
        .where((builder) =>
          builder.or([
            builder("asked_at", "<", after.askedAt),
            builder.and([builder("asked_at", "=", after.askedAt), builder("id", "<", after.id)]),
          ]),
        );
    }
    const rows = await query.execute();
    const shown = rows.slice(0, limit);
    const answers = await this.#answersOf(shown);
    const last = rows.length > limit ? shown.at(-1) : undefined;
    return {
      questions: shown.map((row) => toView(row, answers.get(row.answer_id ?? "") ?? null, now)),
      total,
      nextCursor: last ? encodeCursor(last) : null,
    };
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

  async #total(filter: PageFilter): Promise<number> {
    const of = JSON.stringify([filter.status, filter.kinds]);
    const known = this.#counted;
    if (filter.after !== null && known?.of === of && filter.now < known.until) return known.total;
    const row = await filtered(this.#store.read, filter)
      .select((builder) => builder.fn.countAll<number>().as("n"))
      .executeTakeFirstOrThrow();
    const total = Number(row.n);
    this.#counted = { of, until: filter.now + COUNTED_MS, total };
    return total;
  }

  async #countPending(): Promise<number> {
    const query = this.#store.read.selectFrom("questions").where("status", "=", "pending");
    const row = await query.select((builder) => builder.fn.countAll<number>().as("n")).executeTakeFirstOrThrow();
    return Number(row.n);
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

  async #answersOf(questions: QuestionRow[]): Promise<Map<string, AnswerRow>> {
    const ids = questions.flatMap(({ answer_id }) => answer_id ?? []);
    const found = new Map<string, AnswerRow>();
    for (const some of chunks(ids)) {
      const rows = await this.#store.read.selectFrom("answers").selectAll().where("id", "in", some).execute();
      for (const row of rows) found.set(row.id, row);
    }
    return found;
  }
}

export interface OpenQuestion {
  id: string;
  /** Epoch milliseconds. */
  expiresAt: number;
}

/** Writes the caller's idempotency record in the same transaction. */
export type Recording = (tx: Parameters<RecordResult<unknown>>[0], questionId: string) => Promise<void>;

export interface PageFilter {
  status: Status | undefined;
  kinds: readonly Kind[];
  after: { askedAt: number; id: string } | null;
  limit: number;
  now: number;
}

/** A pending question past its time is shown as expired, also before the clock closed it. */
function filtered(db: Db, { status, kinds, now }: PageFilter) {
  const all = db.selectFrom("questions");
  const query = kinds.length === KINDS.length ? all : all.where("kind", "in", kinds);
  if (status === "pending") return query.where("status", "=", status).where("expires_at", ">", now);
  if (status === "answered") return query.where("status", "=", status);
  if (status === undefined) return query;
  return query.where((builder) =>
    builder.or([
      builder("status", "=", "expired"),
      builder.and([builder("status", "=", "pending"), builder("expires_at", "<=", now)]),
    ]),
  );
}

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

/** SQLite takes a bounded number of parameters in one statement. */
function chunks<T>(items: T[], size = 500): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}
