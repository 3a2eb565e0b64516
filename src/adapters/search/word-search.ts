import type { Contents } from "./contents.ts";
import { type Allowed, Postings } from "./postings.ts";
import { porterStem } from "./porter.ts";
import { splitByNeed } from "./query.ts";
import type { Statements } from "./statements.ts";
import { identifiers, type Terms } from "./terms.ts";

/** The rarest words of a question that are searched for. */
const MAX_TERMS = 6;
/** Frequencies kept until the next change. */
const MAX_FREQUENCIES = 100_000;
/** Words in fewer passages are not read beforehand, and of all words together not more than this. */
const COMMON = 5;
const PREPARED = 700_000;
const PLAIN = /^[a-z0-9]+$/;
/** The shortest text that a trigram index can find. */
const TRIGRAM = 3;
/** When so many passages, or so large a share, went or came since, what words add to ranks is worked out anew. */
const MAX_DRIFT = 200;
const MAX_DRIFT_SHARE = 0.02;

interface Parts {
  statements: Statements;
  contents: Contents;
  terms: Terms;
}

/** Finds passages by the words of a question and by parts of names, and remembers what words were asked for. */
export class WordSearch {
  readonly #statements: Statements;
  readonly #contents: Contents;
  readonly #terms: Terms;
  readonly #words: Postings;
  readonly #names: Postings;
  /** In how many passages a term stands, as long as nothing changes. */
  readonly #frequencies = new Map<string, number>();
  /** What there was when the first of the remembered words was read. */
  #readFrom = { count: 0, highest: 0 };

  constructor({ statements, contents, terms }: Parts) {
    this.#statements = statements;
    this.#contents = contents;
    this.#terms = terms;
    this.#words = new Postings(statements.byWord);
    this.#names = new Postings(statements.byName);
  }

  byWords(question: string, limit: number, allowed: Allowed | undefined): number[] {
    const { count } = this.#contents;
    const known = this.#terms
      .ofQuestion(question)
      .map((asked) => ({ ...asked, frequency: this.frequency(asked.term) }))
      .filter(({ frequency }) => frequency > 0)
      .sort((a, b) => a.frequency - b.frequency);
    // BM25 gives a word that stands in more than half of all passages no weight (its idf would be negative).
    const telling = known.filter(({ frequency }) => frequency <= count / 2);
    const chosen = (telling.length > 0 ? telling : known).slice(0, MAX_TERMS);
    return this.#words.best(splitByNeed(chosen), { limit, extent: this.#contents, allowed });
  }

  /** Parts of names that words do not give: `minScore` in `documents.minScoreDefault`, `valid` in `revalidate`. */
  byName(question: string, limit: number, allowed: Allowed | undefined): number[] {
    const needed = identifiers(question)
      .filter((name) => name.length >= TRIGRAM)
      .map((name) => ({ word: name, term: name.toLowerCase() }));
    if (needed.length === 0) return [];
    return this.#names.best({ needed, other: [] }, { limit, extent: this.#contents, allowed });
  }

  /** In how many passages a term stands. */
  frequency(term: string): number {
    const known = this.#frequencies.get(term);
    if (known !== undefined) return known;
    const row = this.#statements.frequency.get(term) as { doc: number } | undefined;
    const frequency = row?.doc ?? 0;
    this.#remember(term, frequency);
    return frequency;
  }

  #remember(term: string, frequency: number): void {
    if (this.#frequencies.size >= MAX_FREQUENCIES) this.#frequencies.clear();
    this.#frequencies.set(term, frequency);
  }

  /** Reads what common words add to ranks before anybody asks: of rare ones it is read as fast as it is asked for. */
  *prepare(): Generator<void> {
    const { count } = this.#contents;
    let entries = 0;
    for (const row of this.#statements.vocabulary.iterate()) {
      const [term, frequency] = [row["term"] as string, row["doc"] as number];
      this.#remember(term, frequency);
      yield;
      // A stem that is stemmed to another one cannot be searched for.
      if (frequency < COMMON || frequency > count / 2 || !PLAIN.test(term) || porterStem(term) !== term) continue;
      entries += frequency;
      if (entries > PREPARED) return;
      this.#words.read({ word: term, term }, this.#contents.highest);
      yield;
    }
  }

  /** After a change: what was read of words holds on, unless much has changed since. */
  changed(): void {
    const { removed, highest } = this.#contents;
    this.#frequencies.clear();
    const drift = removed.size + highest - this.#readFrom.highest;
    if (drift > Math.max(MAX_DRIFT, this.#readFrom.count * MAX_DRIFT_SHARE)) this.forget();
  }

  forget(): void {
    const { count, highest, removed } = this.#contents;
    removed.clear();
    this.#frequencies.clear();
    this.#words.clear();
    this.#names.clear();
    this.#readFrom = { count, highest };
  }
}
