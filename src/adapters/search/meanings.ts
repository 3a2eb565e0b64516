import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Allowed } from "./postings.ts";
import type { Unembedded } from "./port.ts";
import { type Near, VectorList } from "./vector-list.ts";

/** Vectors of passages that are gone are kept so long as there are fewer than this share of all: branches come back. */
const MAX_UNUSED = 0.5;
const MIN_UNUSED = 1000;

/**
 * The vectors of the passages: kept in the index file by the hash of what was embedded, so that only changed passages
 * are embedded again, and in memory from the first question that looks for them. All are of one model.
 */
export class Meanings {
  readonly #db: DatabaseSync;
  readonly #vectorOf: StatementSync;
  readonly #idsOf: StatementSync;
  #list: VectorList | null = null;
  /** Undefined until it was looked up. */
  #model: string | null | undefined;

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#vectorOf = db.prepare("SELECT vector FROM vectors WHERE hash = ?");
    this.#idsOf = db.prepare("SELECT id FROM passages WHERE hash = ?");
  }

  get model(): string | null {
    if (this.#model === undefined) {
      const row = this.#db.prepare("SELECT model FROM vectors LIMIT 1").get();
      this.#model = (row?.["model"] as string | undefined) ?? null;
    }
    return this.#model;
  }

  /** A passage came into the index; it may have been embedded before. */
  added(id: number, hash: string): void {
    if (!this.#list) return;
    const row = this.#vectorOf.get(hash);
    if (row) this.#take(id, floatsOf(row["vector"]));
  }

  removed(id: number): void {
    this.#list?.remove(id);
  }

  nearest({ model, vector }: { model: string; vector: Float32Array }, limit: number, allowed?: Allowed): Near[] {
    if (model !== this.model) return [];
    this.#list ??= this.#load(vector.length);
    return this.#list.dimensions === vector.length ? this.#list.nearest(vector, limit, allowed) : [];
  }

  unembedded(model: string, limit: number): Unembedded[] {
    const known = model === this.model ? "WHERE hash NOT IN (SELECT hash FROM vectors)" : "";
    const rows = this.#db.prepare(`SELECT hash, heading_path, text FROM passages ${known} LIMIT ?`).all(limit);
    return rows.map((row) => ({
      hash: row["hash"] as string,
      text: embeddable(JSON.parse(row["heading_path"] as string) as string[], row["text"] as string),
    }));
  }

  /** Inside a transaction. Vectors of another model, or of another length, are void: they are never compared. */
  put(model: string, vectors: { hash: string; vector: Float32Array }[]): void {
    if (model !== this.model || this.#lengthDiffers(vectors[0]?.vector.length)) this.clear();
    const insert = this.#db.prepare("INSERT OR REPLACE INTO vectors (hash, model, vector) VALUES (?, ?, ?)");
    this.#model = model;
    for (const { hash, vector } of vectors) {
      insert.run(hash, model, new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength));
      if (this.#list) for (const row of this.#idsOf.all(hash)) this.#take(row["id"] as number, vector);
    }
    this.#dropUnused();
  }

  clear(): void {
    this.#db.exec("DELETE FROM vectors");
    this.#list = null;
    this.#model = null;
  }

  /** What is in memory is read again when it is needed: after a change that was rolled back. */
  forget(): void {
    this.#list = null;
    this.#model = undefined;
  }

  #take(id: number, vector: Float32Array): void {
    if (this.#list && vector.length === this.#list.dimensions) this.#list.add(id, vector);
  }

  #lengthDiffers(length: number | undefined): boolean {
    const row = this.#db.prepare("SELECT length(vector) AS bytes FROM vectors LIMIT 1").get();
    return row !== undefined && length !== undefined && row["bytes"] !== length * 4;
  }

  #load(dimensions: number): VectorList {
    const list = new VectorList(dimensions);
    const rows = this.#db.prepare("SELECT p.id, v.vector FROM vectors v JOIN passages p ON p.hash = v.hash");
    for (const row of rows.iterate()) {
      const vector = floatsOf(row["vector"]);
      if (vector.length === dimensions) list.add(row["id"] as number, vector);
    }
    return list;
  }

  #dropUnused(): void {
    const count = (sql: string) => this.#db.prepare(sql).get()?.["n"] as number;
    const all = count("SELECT count(*) AS n FROM vectors");
    if (all < MIN_UNUSED) return;
    const passages = count("SELECT count(*) AS n FROM passages");
    if (all - passages <= Math.max(MIN_UNUSED, passages * MAX_UNUSED)) return;
    this.#db.exec("DELETE FROM vectors WHERE hash NOT IN (SELECT hash FROM passages)");
  }
}

/** What is embedded of a passage: its headings tell what a bare list is about. */
export function embeddable(headingPath: string[], text: string): string {
  return `${headingPath.join(" > ")}\n${text}`;
}

function floatsOf(blob: unknown): Float32Array {
  const bytes = blob as Uint8Array;
  // A copy, because floats have to begin at a multiple of four.
  return new Float32Array(bytes.slice().buffer);
}
