import type { DatabaseSync } from "node:sqlite";
import { LRUCache } from "lru-cache";
import { Contents } from "./contents.ts";
import { asStoreError, isDamage, openIndexDatabase, recreateIndexDatabase } from "./database.ts";
import { analyse, type Analysed, evidenceOf, type Wanted, wantedOf } from "./evidence.ts";
import type {
  Evidence,
  Hit,
  IndexedDocument,
  Meaning,
  Passage,
  SearchIndex,
  SearchOptions,
  Unembedded,
  WeightedTerm,
} from "./port.ts";
import type { Allowed } from "./postings.ts";
import { fuse, inverseFrequency, placeWords } from "./query.ts";
import { prepareStatements, type Statements } from "./statements.ts";
import { Terms } from "./terms.ts";
import type { Near } from "./vector-list.ts";
import { WordSearch } from "./word-search.ts";

/** How many candidates each list gives to the fusion. */
const CANDIDATES = 50;
/** Passages kept as evidence needs them, some 500 bytes each. */
const MAX_ANALYSED = 10_000;
interface PassageRow {
  path: string;
  heading: string;
  heading_path: string;
  level: number;
  start_line: number;
  end_line: number;
  text: string;
}

type Place = Pick<PassageRow, "path" | "heading">;

/**
 * A search index at `path`, which is made when absent, or in memory for `:memory:`. A `trusted` file is not looked through
 * for damage first (17 ms a megabyte).
 */
export function openSearchIndex(path: string, { trusted = false }: { trusted?: boolean } = {}): SearchIndex {
  return new Fts5Index(path, trusted);
}

class Fts5Index implements SearchIndex {
  readonly #path: string;
  readonly #terms = new Terms();
  #connection!: DatabaseSync;
  #statements!: Statements;
  #contents!: Contents;
  #words!: WordSearch;
  /** Where passages stand, and what evidence needs to know of them. */
  readonly #places = new Map<number, Place>();
  readonly #analysed = new LRUCache<number, Analysed>({ max: MAX_ANALYSED });
  readonly #idOf = new WeakMap<Hit, number>();
  #warming: Generator<void> | null = null;
  /** The question that evidence was asked for last: it is asked once for every hit. */
  #wanted: { terms: WeightedTerm[]; wanted: Wanted } | null = null;

  constructor(path: string, trusted: boolean) {
    this.#path = path;
    this.#use(openIndexDatabase(path, trusted));
  }

  replaceDocuments(documents: IndexedDocument[]): void {
    this.#change(() => {
      for (const document of documents) this.#contents.replace(document);
    });
  }

  removeDocuments(paths: string[]): void {
    this.#change(() => {
      for (const path of paths) this.#contents.remove(path);
    });
  }

  documents(): ReadonlyMap<string, string> {
    return this.#contents.revisions;
  }

  read(paths: string[]): IndexedDocument[] {
    return this.#guard(() =>
      paths.flatMap((path) => {
        const revision = this.#contents.revisions.get(path);
        if (revision === undefined) return [];
        const rows = this.#statements.passagesOf.all(path) as unknown as PassageRow[];
        return [{ path, revision, passages: rows.map(toPassage) }];
      }),
    );
  }

  search(question: string, { limit, meaning, mayRead }: SearchOptions): Hit[] {
    return this.#guard(() => {
      const allowed = mayRead && ((id: number) => mayRead(this.#place(id).path));
      const near = meaning ? this.#byMeaning(meaning, allowed) : [];
      const lists = [
        { ids: this.#words.byWords(question, CANDIDATES, allowed), weight: 1 },
        { ids: this.#words.byName(question, CANDIDATES, allowed), weight: 1 },
        { ids: near.map(({ id }) => id), weight: meaning?.weight ?? 0 },
      ];
      const similarities = new Map(near.map(({ id, similarity }) => [id, similarity]));
      return fuse(lists)
        .slice(0, limit)
        .map(([id, score]) => this.#hit(id, { score, similarity: similarities.get(id) ?? null }));
    });
  }

  weigh(question: string): WeightedTerm[] {
    return this.#guard(() =>
      this.#terms
        .ofQuestion(question)
        .map(({ term }) => ({ term, weight: inverseFrequency(this.#words.frequency(term), this.#contents.count) })),
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

  evidence(terms: WeightedTerm[], hit: Hit): Evidence {
    const id = this.#idOf.get(hit);
    let analysed = id === undefined ? undefined : this.#analysed.get(id);
    if (!analysed) {
      analysed = this.#analyse(hit.path, hit.passage);
      if (id !== undefined) this.#analysed.set(id, analysed);
      // A term of the question may have got its number just now.
      this.#wanted = null;
    }
    if (this.#wanted?.terms !== terms) this.#wanted = { terms, wanted: wantedOf(terms, this.#terms) };
    return evidenceOf(this.#wanted.wanted, analysed);
  }

  embeddedBy(): string | null {
    return this.#guard(() => this.#contents.meanings.model);
  }

  unembedded(model: string, limit: number): Unembedded[] {
    return this.#guard(() => this.#contents.meanings.unembedded(model, limit));
  }

  putVectors(model: string, vectors: { hash: string; vector: Float32Array }[]): void {
    this.#transact(() => this.#contents.meanings.put(model, vectors));
  }

  warm(ms: number): boolean {
    return this.#guard(() => {
      const end = performance.now() + ms;
      this.#warming ??= this.#prepare();
      while (performance.now() < end) if (this.#warming.next().done) return true;
      return false;
    });
  }

  fork(): SearchIndex {
    const copy = new Fts5Index(":memory:", true);
    copy.replaceDocuments(this.read([...this.#contents.revisions.keys()]));
    return copy;
  }

  clear(): void {
    this.#recreate();
  }

  [Symbol.dispose](): void {
    this.#stopWarming();
    if (this.#connection.isOpen) this.#connection.close();
  }
  *#prepare(): Generator<void> {
    yield* this.#words.prepare();
    for (const row of this.#connection.prepare("SELECT * FROM passages LIMIT ?").iterate(MAX_ANALYSED)) {
      const { id, path, ...rest } = row as unknown as PassageRow & { id: number };
      if (!this.#analysed.has(id)) this.#analysed.set(id, this.#analyse(path, toPassage({ path, ...rest })));
      this.#places.set(id, { path, heading: rest.heading });
      yield;
    }
  }

  #analyse(path: string, { headingPath, text }: Passage): Analysed {
    return analyse({ head: `${placeWords(path)} ${headingPath.join(" ")}`, text }, this.#terms);
  }

  #byMeaning(meaning: Meaning, allowed: Allowed | undefined): Near[] {
    return this.#contents.meanings.nearest(meaning, CANDIDATES, allowed);
  }

  #place(id: number): Place {
    const known = this.#places.get(id);
    if (known) return known;
    const { path, heading } = this.#statements.place.get(id) as unknown as Place;
    const place = { path, heading };
    this.#places.set(id, place);
    return place;
  }

  #hit(id: number, rank: Pick<Hit, "score" | "similarity">): Hit {
    const { path, heading } = this.#place(id);
    let passage: Passage | undefined;
    const read = () => toPassage(this.#guard(() => this.#statements.passage.get(id) as unknown as PassageRow));
    const revision = this.#contents.revisions.get(path) ?? "";
    const hit: Hit = {
      path,
      revision,
      heading,
      ...rank,
      get passage() {
        passage ??= read();
        return passage;
      },
    };
    this.#idOf.set(hit, id);
    return hit;
  }

  #change(work: () => void): void {
    try {
      this.#transact(work);
    } finally {
      this.#forgetOutdated();
    }
  }

  #transact(work: () => void): void {
    this.#stopWarming();
    this.#guard(() => {
      this.#connection.exec("BEGIN IMMEDIATE");
      try {
        work();
        this.#connection.exec("COMMIT");
      } catch (error) {
        if (this.#connection.isTransaction) this.#connection.exec("ROLLBACK");
        if (!isDamage(error)) this.#readAnew();
        throw error;
      }
    });
  }

  /** What was remembered and does not hold after a change. */
  #forgetOutdated(): void {
    for (const id of this.#contents.removed) {
      this.#places.delete(id);
      this.#analysed.delete(id);
    }
    this.#words.changed();
  }

  #guard<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (isDamage(error)) this.#recreate();
      throw asStoreError(error, this.#path);
    }
  }

  /** Its cursors must not be open while something changes. */
  #stopWarming(): void {
    this.#warming?.return(undefined);
    this.#warming = null;
  }

  #recreate(): void {
    this.#stopWarming();
    if (this.#connection.isOpen) this.#connection.close();
    this.#use(recreateIndexDatabase(this.#path));
  }

  #readAnew(): void {
    this.#contents.load();
    this.#forgetAll();
  }

  #use(connection: DatabaseSync): void {
    this.#connection = connection;
    this.#statements = prepareStatements(connection);
    this.#contents = new Contents(connection, this.#statements);
    this.#words = new WordSearch({ statements: this.#statements, contents: this.#contents, terms: this.#terms });
    this.#forgetAll();
  }

  #forgetAll(): void {
    this.#places.clear();
    this.#analysed.clear();
    this.#words.forget();
  }
}

function toPassage(row: PassageRow): Passage {
  const { heading, level, text, start_line: startLine, end_line: endLine } = row;
  return { heading, headingPath: JSON.parse(row.heading_path) as string[], level, startLine, endLine, text };
}
