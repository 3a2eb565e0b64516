import type { Kysely } from "kysely";
import type { Earlier } from "./metrics/index.ts";
import type { SampleTables } from "./tables.ts";

/** Questions that are known to have been asked. */
const MOST_QUESTIONS = 20_000;
/** Things whose state is followed; those that were noted first are forgotten first. */
const MOST_MARKS = 10_000;

/** What metrics know of earlier events. Marks are written with the next samples, so that a restart changes nothing. */
export class Past implements Earlier {
  readonly #questions = new Set<string>();
  readonly #marks = new Map<string, number>();
  #changed = new Map<string, number | null>();

  async load(db: Kysely<SampleTables>): Promise<void> {
    const newest = db.selectFrom("loop_questions").select("question_id").orderBy("at", "desc").limit(MOST_QUESTIONS);
    for (const { question_id } of (await newest.execute()).reverse()) this.#questions.add(question_id);
    const marks = await db.selectFrom("metric_marks").selectAll().orderBy("at").execute();
    for (const { key, at } of marks) this.#marks.set(key, at);
  }

  isNew(questionId: string): boolean {
    if (this.#questions.has(questionId)) return false;
    this.#questions.add(questionId);
    if (this.#questions.size > MOST_QUESTIONS) this.#questions.delete(first(this.#questions)!);
    return true;
  }

  entered(key: string, at: number | null): number | null {
    const before = this.#marks.get(key) ?? null;
    this.#marks.delete(key);
    if (at !== null) this.#marks.set(key, at);
    this.#changed.set(key, at);
    if (this.#marks.size > MOST_MARKS) {
      const oldest = first(this.#marks.keys())!;
      this.#marks.delete(oldest);
      this.#changed.set(oldest, null);
    }
    return before;
  }

  /** Marks that changed since this was asked last. */
  take(): { key: string; at: number | null }[] {
    const changed = Array.from(this.#changed, ([key, at]) => ({ key, at }));
    this.#changed = new Map();
    return changed;
  }

  /** What could not be written is written with the next samples, unless it changed again. */
  putBack(marks: { key: string; at: number | null }[]): void {
    this.#changed = new Map([...marks.map(({ key, at }) => [key, at] as const), ...this.#changed]);
  }
}

function first(values: Iterable<string>): string | undefined {
  for (const value of values) return value;
  return undefined;
}
