import type { DatabaseSync } from "node:sqlite";
import { sha256 } from "../../foundation/hash.ts";
import { embeddable, Meanings } from "./meanings.ts";
import type { IndexedDocument, Passage } from "./port.ts";
import { placeWords } from "./query.ts";
import type { Statements } from "./statements.ts";
import { cjkPairs, identifiers } from "./terms.ts";

interface Key {
  id: number;
  hash: string;
  level: number;
}

/** What is in the index: documents and their passages, and how they come in and go. Everything inside a transaction. */
export class Contents {
  readonly #statements: Statements;
  readonly #db: DatabaseSync;
  readonly revisions = new Map<string, string>();
  readonly meanings: Meanings;
  /** Passages that were removed since `forget`. */
  readonly removed = new Set<number>();
  /** Passages. */
  count = 0;
  /** The highest id that was ever given: an id is never given twice, because others remember it. */
  highest = 0;

  constructor(db: DatabaseSync, statements: Statements) {
    this.#db = db;
    this.#statements = statements;
    this.meanings = new Meanings(db);
    this.load();
  }

  /** Reads back what is there: at the start, and after a change that was rolled back. */
  load(): void {
    this.revisions.clear();
    for (const row of this.#db.prepare("SELECT path, revision FROM documents").all())
      this.revisions.set(row["path"] as string, row["revision"] as string);
    const row = this.#db.prepare("SELECT count(*) AS n, coalesce(max(id), 0) AS highest FROM passages").get();
    this.count = row?.["n"] as number;
    this.highest = Math.max(this.highest, row?.["highest"] as number);
    this.meanings.forget();
  }

  /** Puts a document in place of what was known of its path; passages with the same headings and text stay. */
  replace({ path, revision, passages }: IndexedDocument): void {
    const known = Map.groupBy(this.#keysOf(path), ({ hash, level }) => `${level} ${hash}`);
    for (const passage of passages) {
      const hash = hashOf(passage);
      const kept = known.get(`${passage.level} ${hash}`)?.shift();
      if (kept) this.#statements.movePassage.run(passage.startLine, passage.endLine, kept.id);
      else this.#insert(path, passage, hash);
    }
    for (const { id } of [...known.values()].flat()) this.#delete(id);
    this.#statements.putDocument.run(path, revision);
    this.revisions.set(path, revision);
  }

  remove(path: string): void {
    if (!this.revisions.has(path)) return;
    for (const { id } of this.#keysOf(path)) this.#delete(id);
    this.#statements.deleteDocument.run(path);
    this.revisions.delete(path);
  }

  #keysOf(path: string): Key[] {
    return this.revisions.has(path) ? (this.#statements.passageKeys.all(path) as unknown as Key[]) : [];
  }

  #insert(path: string, passage: Passage, hash: string): void {
    const { heading, headingPath, level, startLine, endLine, text } = passage;
    this.highest += 1;
    const id = this.highest;
    const statements = this.#statements;
    const [place, headings] = [JSON.stringify(headingPath), headingPath.join(" ")];
    statements.insertPassage.run(id, path, heading, place, level, startLine, endLine, hash, text);
    const pairs = cjkPairs(`${headings}\n${text}`).join(" ");
    statements.insertWords.run(id, placeWords(path), headings, text, pairs);
    statements.insertName.run(id, `${headings} ${identifiers(text).join(" ")}`);
    this.count += 1;
    this.meanings.added(id, hash);
  }

  #delete(id: number): void {
    this.#statements.deleteWords.run(id);
    this.#statements.deleteName.run(id);
    this.#statements.deletePassage.run(id);
    this.count -= 1;
    this.removed.add(id);
    this.meanings.removed(id);
  }
}

/** Of what is embedded, so that a passage that moves to another place or file keeps its vector. */
function hashOf({ headingPath, text }: Passage): string {
  return sha256(embeddable(headingPath, text)).slice(0, 32);
}
