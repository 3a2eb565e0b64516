import type { DatabaseSync } from "node:sqlite";
import { LRUCache } from "lru-cache";
import { asStoreError, isDamage, openIndexDatabase, recreateIndexDatabase } from "./database.ts";
import { analyse, type Analysed, evidenceOf } from "./evidence.ts";
import type { Evidence, Hit, IndexedDocument, Passage, SearchIndex, WeightedTerm } from "./port.ts";
import { Postings } from "./postings.ts";
import { anyOf, fuse, inverseFrequency, placeWords, splitByNeed } from "./query.ts";
import { prepareStatements, type Statements } from "./statements.ts";
import { cjkPairs, identifiers, Terms } from "./terms.ts";

/** How many candidates each list gives to the fusion. */
const CANDIDATES = 50;
/** The rarest words of a question that are searched for. */
const MAX_TERMS = 6;
/** Frequencies kept until the next change. */
const MAX_FREQUENCIES = 20_000;
/** Passages kept with their terms, some 6 KB each. */
const MAX_RECENT = 500;
/** The shortest text that a trigram index can find. */
const TRIGRAM = 3;

interface PassageRow {
  id: number;
  path: string;
  heading: string;
  heading_path: string;
  level: number;
  start_line: number;
  end_line: number;
  text: string;
}

/** A search index at `path`, which is made when absent, or in memory for `:memory:`. */
export function openSearchIndex(path: string): SearchIndex {
  return new Fts5Index(path);
}

class Fts5Index implements SearchIndex {
  readonly #path: string;
  readonly #terms = new Terms();
  readonly #revisions = new Map<string, string>();
  #connection: DatabaseSync;
  #statements: Statements;
  #postings: Postings;
  #passageCount = 0;
  /** In how many passages a term stands, as long as nothing changes. */
  readonly #frequencies = new Map<string, number>();
  /** Passages found lately, as long as nothing changes, and what evidence needs to know of them. */
  readonly #recent = new LRUCache<number, Omit<Hit, "score">>({ max: MAX_RECENT });
  readonly #analysed = new WeakMap<Passage, Analysed>();

  constructor(path: string) {
    this.#path = path;
    this.#connection = openIndexDatabase(path);
    this.#statements = prepareStatements(this.#connection);
    this.#postings = new Postings(this.#statements.byWord);
    this.#load();
  }

  replaceDocuments(documents: IndexedDocument[]): void {
    this.#change(() => {
      for (const document of documents) {
        this.#remove(document.path);
        this.#insert(document);
      }
    });
  }

  removeDocuments(paths: string[]): void {
    this.#change(() => {
      for (const path of paths) this.#remove(path);
    });
  }

  documents(): ReadonlyMap<string, string> {
    return this.#revisions;
  }

  search(question: string, { limit }: { limit: number }): Hit[] {
    return this.#guard(() => {
      const fused = fuse([this.#byWords(question), this.#byName(question)]).slice(0, limit);
      return fused.map(([id, score]) => ({ ...this.#read(id), score }));
    });
  }

  weigh(question: string): WeightedTerm[] {
    return this.#guard(() =>
      this.#terms
        .ofQuestion(question)
        .map(({ term }) => ({ term, weight: inverseFrequency(this.#frequency(term), this.#passageCount) })),
    );
  }

  coverage(terms: WeightedTerm[], text: string): number {
    const present = new Set(this.#terms.ofText(text));
    let found = 0;
    let total = 0;
    for (const { term, weight } of terms) {
      total += weight;
      if (present.has(term)) found += weight;
    }
    return total === 0 ? 0 : found / total;
  }

  evidence(terms: WeightedTerm[], { path, passage }: Hit): Evidence {
    const known = this.#analysed.get(passage);
    if (known) return evidenceOf(terms, known);
    const head = `${placeWords(path)} ${passage.headingPath.join(" ")}`;
    const analysed = analyse({ head, text: passage.text }, this.#terms);
    this.#analysed.set(passage, analysed);
    return evidenceOf(terms, analysed);
  }

  fork(): SearchIndex {
    const copy = new Fts5Index(":memory:");
    const documents = [...this.#revisions].map(([path, revision]) => ({
      path,
      revision,
      passages: this.#passagesOf(path),
    }));
    copy.replaceDocuments(documents);
    return copy;
  }

  clear(): void {
    this.#recreate();
  }

  [Symbol.dispose](): void {
    if (this.#connection.isOpen) this.#connection.close();
  }

  #byWords(question: string): number[] {
    const known = this.#terms
      .ofQuestion(question)
      .map((asked) => ({ ...asked, frequency: this.#frequency(asked.term) }))
      .filter(({ frequency }) => frequency > 0)
      .sort((a, b) => a.frequency - b.frequency);
    // BM25 gives a word that stands in more than half of all passages no weight (its idf would be negative).
    const telling = known.filter(({ frequency }) => frequency <= this.#passageCount / 2);
    const chosen = (telling.length > 0 ? telling : known).slice(0, MAX_TERMS);
    return this.#postings.best(splitByNeed(chosen), CANDIDATES);
  }

  /** In how many passages a term stands. */
  #frequency(term: string): number {
    const known = this.#frequencies.get(term);
    if (known !== undefined) return known;
    const row = this.#statements.frequency.get(term) as { doc: number } | undefined;
    const frequency = row?.doc ?? 0;
    if (this.#frequencies.size >= MAX_FREQUENCIES) this.#frequencies.clear();
    this.#frequencies.set(term, frequency);
    return frequency;
  }

  /** Parts of names that words do not give: `minScore` in `documents.minScoreDefault`, `valid` in `revalidate`. */
  #byName(question: string): number[] {
    const names = identifiers(question).filter((name) => name.length >= TRIGRAM);
    return names.length === 0 ? [] : ids(this.#statements.byName.all(anyOf(names), CANDIDATES));
  }

  #read(id: number): { path: string; revision: string; passage: Passage } {
    const known = this.#recent.get(id);
    if (known) return known;
    const row = this.#statements.passage.get(id) as unknown as PassageRow;
    const found = { path: row.path, revision: this.#revisions.get(row.path) ?? "", passage: toPassage(row) };
    this.#recent.set(id, found);
    return found;
  }

  #passagesOf(path: string): Passage[] {
    return this.#guard(() => (this.#statements.passagesOf.all(path) as unknown as PassageRow[]).map(toPassage));
  }

  #insert({ path, revision, passages }: IndexedDocument): void {
    const statements = this.#statements;
    statements.insertDocument.run(path, revision);
    for (const passage of passages) {
      const { heading, headingPath, level, startLine, endLine, text } = passage;
      const inserted = statements.insertPassage.run(
        path,
        heading,
        JSON.stringify(headingPath),
        level,
        startLine,
        endLine,
        text,
      );
      const headings = headingPath.join(" ");
      const all = `${headings}\n${text}`;
      statements.insertWords.run(inserted.lastInsertRowid, placeWords(path), headings, text, cjkPairs(all).join(" "));
      statements.insertName.run(inserted.lastInsertRowid, `${headings} ${identifiers(text).join(" ")}`);
      this.#passageCount += 1;
    }
    this.#revisions.set(path, revision);
  }

  #remove(path: string): void {
    if (!this.#revisions.has(path)) return;
    const statements = this.#statements;
    for (const id of ids(statements.passageIds.all(path))) {
      statements.deleteWords.run(id);
      statements.deleteName.run(id);
      statements.deletePassage.run(id);
      this.#passageCount -= 1;
    }
    statements.deleteDocument.run(path);
    this.#revisions.delete(path);
  }

  #change(work: () => void): void {
    this.#forget();
    this.#guard(() => {
      this.#connection.exec("BEGIN IMMEDIATE");
      try {
        work();
        this.#connection.exec("COMMIT");
      } catch (error) {
        if (this.#connection.isTransaction) this.#connection.exec("ROLLBACK");
        if (!isDamage(error)) this.#load();
        throw error;
      }
    });
  }

  /** What was remembered of passages does not hold after a change. */
  #forget(): void {
    this.#frequencies.clear();
    this.#recent.clear();
    this.#postings.clear();
  }

  #guard<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (isDamage(error)) this.#recreate();
      throw asStoreError(error, this.#path);
    }
  }

  #recreate(): void {
    if (this.#connection.isOpen) this.#connection.close();
    this.#connection = recreateIndexDatabase(this.#path);
    this.#statements = prepareStatements(this.#connection);
    this.#postings = new Postings(this.#statements.byWord);
    this.#load();
  }

  /** Reads back what is indexed: at the start, and after a change that was rolled back. */
  #load(): void {
    this.#forget();
    this.#revisions.clear();
    for (const row of this.#connection.prepare("SELECT path, revision FROM documents").all()) {
      this.#revisions.set(row["path"] as string, row["revision"] as string);
    }
    this.#passageCount = this.#connection.prepare("SELECT count(*) AS n FROM passages").get()?.["n"] as number;
  }
}

function ids(rows: unknown[]): number[] {
  return rows.map((row) => (row as { id: number }).id);
}

function toPassage(row: PassageRow): Passage {
  const { heading, level, text, start_line: startLine, end_line: endLine } = row;
  return { heading, headingPath: JSON.parse(row.heading_path) as string[], level, startLine, endLine, text };
}
