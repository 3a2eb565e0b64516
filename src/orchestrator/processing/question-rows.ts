import type { Store } from "../../adapters/store/index.ts";
import type { Clock } from "../../foundation/clock.ts";
import { sha256 } from "../../foundation/hash.ts";
import type { ChangeState } from "../state.ts";
import type { Suggestions } from "./port.ts";
import type { ProcessingTables } from "./tables.ts";
import { normalized } from "./write-answer.ts";

export type QuestionRow = ProcessingTables["change_questions"];
type Place = Pick<ChangeState, "id" | "root">;

/** The open questions of changes as they are remembered. */
export class QuestionRows {
  readonly #store: Store<ProcessingTables>;
  readonly #clock: Clock;
  /** Hash of the content that was processed last, by change. */
  readonly #processed = new Map<string, string>();

  constructor(store: Store<ProcessingTables>, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Reads what was processed before; a change that asks nothing and never did needs no row. */
  async load(): Promise<void> {
    const rows = await this.#store.read
      .selectFrom("change_processing")
      .select(["root", "change_id", "content_hash"])
      .execute();
    for (const row of rows) this.#processed.set(nameOf({ id: row.change_id, root: row.root }), row.content_hash);
  }

  /** Whether the change was ever processed. */
  isKnown(place: Place): boolean {
    return this.#processed.has(nameOf(place));
  }

  /** Whether this content of the change was processed before. */
  isProcessed(state: ChangeState): boolean {
    const known = this.#processed.get(nameOf(state));
    return known === undefined ? state.questions.length === 0 : known === state.contentHash;
  }

  /** Remembers what the change asks now; what it does not ask any more is gone, and comes back if it asks it again. */
  async collect({ id, root, contentHash, questions }: ChangeState): Promise<void> {
    const now = this.#clock.now();
    const asking = questions.map((question) => ({ ...question, key: keyOf({ id, root }, question) }));
    const byKey = new Map(asking.map((question) => [question.key, question]));
    await this.#store.write(async (tx) => {
      const known = await tx
        .selectFrom("change_questions")
        .selectAll()
        .where("root", "=", root)
        .where("change_id", "=", id)
        .execute();
      for (const row of known) {
        const state = nextState(row, byKey.get(row.id)?.answered);
        if (state !== row.state)
          await tx.updateTable("change_questions").set({ state, updated_at: now }).where("id", "=", row.id).execute();
      }
      const names = new Set(known.map((row) => row.id));
      for (const { key, path, text, answered } of byKey.values()) {
        if (answered || names.has(key)) continue;
        const row = { id: key, root, change_id: id, path, text, state: "open" as const };
        const empty = { question_id: null, answer: null, answered_by: null, first_seen_at: now, updated_at: now };
        await tx
          .insertInto("change_questions")
          .values({ ...row, ...empty })
          .execute();
      }
      const processed = { content_hash: contentHash, processed_at: now };
      await tx
        .insertInto("change_processing")
        .values({ root, change_id: id, ...processed, suggestions: null, note: null })
        .onConflict((conflict) => conflict.columns(["root", "change_id"]).doUpdateSet(processed))
        .execute();
    });
    this.#processed.set(nameOf({ id, root }), contentHash);
  }

  /** The questions that a change asks, in the order of its documents, without those that are gone. */
  async of(change: ChangeState): Promise<(QuestionRow & { line: number })[]> {
    const rows = await this.#store.read
      .selectFrom("change_questions")
      .selectAll()
      .where("root", "=", change.root)
      .where("change_id", "=", change.id)
      .where("state", "!=", "gone")
      .execute();
    const lines = new Map(change.questions.map((question) => [keyOf(change, question), question.line]));
    return rows
      .flatMap((row) => (lines.has(row.id) ? [{ ...row, line: lines.get(row.id)! }] : []))
      .toSorted((a, b) => (a.path === b.path ? a.line - b.line : a.path < b.path ? -1 : 1));
  }

  async set(id: string, values: Partial<QuestionRow>): Promise<void> {
    const set = { ...values, updated_at: this.#clock.now() };
    await this.#store.write((tx) => tx.updateTable("change_questions").set(set).where("id", "=", id).execute());
  }

  /** Rows in a state, oldest first. */
  inState(state: QuestionRow["state"]): Promise<QuestionRow[]> {
    return this.#store.read
      .selectFrom("change_questions")
      .selectAll()
      .where("state", "=", state)
      .orderBy("updated_at")
      .execute();
  }

  async byQuestion(questionId: string): Promise<QuestionRow | undefined> {
    return this.#store.read
      .selectFrom("change_questions")
      .selectAll()
      .where("question_id", "=", questionId)
      .executeTakeFirst();
  }

  /** Questions that were asked by themselves since a moment. */
  async askedSince(since: number): Promise<number> {
    const { count } = await this.#store.read
      .selectFrom("change_questions")
      .select((build) => build.fn.countAll().as("count"))
      .where("question_id", "is not", null)
      .where("updated_at", ">=", since)
      .executeTakeFirstOrThrow();
    return Number(count);
  }

  async outcome(place: Place): Promise<{ suggestions: Suggestions | null; note: string | null }> {
    const row = await this.#processing(place);
    const suggestions = row?.suggestions ? (JSON.parse(row.suggestions) as Suggestions) : null;
    return { suggestions, note: row?.note ?? null };
  }

  async setOutcome({ id, root }: Place, outcome: { suggestions?: Suggestions; note: string | null }): Promise<void> {
    const { suggestions, note } = outcome;
    const set = { note, ...(suggestions && { suggestions: JSON.stringify(suggestions) }) };
    await this.#store.write((tx) =>
      tx.updateTable("change_processing").set(set).where("root", "=", root).where("change_id", "=", id).execute(),
    );
  }

  #processing({ id, root }: Place) {
    return this.#store.read
      .selectFrom("change_processing")
      .selectAll()
      .where("root", "=", root)
      .where("change_id", "=", id)
      .executeTakeFirst();
  }
}

function nameOf({ id, root }: Place): string {
  return `${root}\0${id}`;
}

/** `answered` is undefined where the document does not ask it any more. */
function nextState(row: QuestionRow, answered: boolean | undefined): QuestionRow["state"] {
  if (answered === undefined) return "gone";
  if (answered) return "written";
  if (row.state === "written") return "open";
  return row.state === "gone" ? (row.question_id === null ? "open" : "asked") : row.state;
}

function keyOf({ id, root }: Place, { path, text }: { path: string; text: string }): string {
  return sha256([root, id, path, normalized(text)].join("\0"));
}
