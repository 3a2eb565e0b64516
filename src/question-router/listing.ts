import type { Kysely } from "kysely";
import type { Store } from "../adapters/store/index.ts";
import type { QuestionOptions } from "./options.ts";
import { policyOf } from "./routing-options.ts";
import { type AnswerRow, decodeCursor, encodeCursor, type QuestionRow, toView } from "./rows.ts";
import type { QuestionTables } from "./tables.ts";
import { type Kind, KINDS, type ListRequest, type QuestionPage, type Status } from "./types.ts";

type Db = Kysely<QuestionTables>;

/** How long the total of a list stands while its pages are read. */
const COUNTED_MS = 5000;
const PAGE = 20;
const MAX_PAGE = 100;

export interface PageFilter {
  status: Status | undefined;
  kinds: readonly Kind[];
  after: { askedAt: number; id: string } | null;
  limit: number;
  now: number;
}

/** What is asked of a list, within its bounds. Throws `bad_input` for a cursor that is none. */
export function toFilter(
  { status, for: who, cursor, limit = PAGE }: ListRequest,
  options: QuestionOptions,
  now: number,
): PageFilter {
  const kinds = who === undefined ? KINDS : KINDS.filter((kind) => policyOf(options, kind).answerers.includes(who));
  const after = cursor === undefined ? null : decodeCursor(cursor);
  return { status, kinds, after, limit: Math.min(Math.max(1, limit), MAX_PAGE), now };
}

/** Lists of questions, page by page: each page begins in the index where the last one ended. */
export class Listing {
  readonly #store: Store<QuestionTables>;
  /** The last count of a list, so that going through its pages counts once. */
  #counted: { of: string; until: number; total: number } | null = null;

  constructor(store: Store<QuestionTables>) {
    this.#store = store;
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

  async #total(filter: PageFilter): Promise<number> {
    const of = JSON.stringify([filter.status, filter.kinds]);
    const known = this.#counted;
    if (filter.after !== null && known?.of === of && filter.now < known.until) return known.total;
    const row = await filtered(this.#store.read, filter)
      .select((builder) => builder.fn.countAll<number>().as("n"))
      .executeTakeFirstOrThrow();
    const total = row.n;
    this.#counted = { of, until: filter.now + COUNTED_MS, total };
    return total;
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

/** SQLite takes a bounded number of parameters in one statement. */
export function chunks<T>(items: T[], size = 500): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}
