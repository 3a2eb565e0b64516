import type { StatementSync } from "node:sqlite";
import { LRUCache } from "lru-cache";

/** Entries kept over all words, 8 bytes each: enough for every word of 10,000 sections. */
const MAX_ENTRIES = 1_000_000;

/** Where one word stands: passages in ascending order, and what the word adds to each one's rank (BM25, better is lower). */
interface Posting {
  ids: Uint32Array;
  ranks: Float32Array;
}

export interface Word {
  word: string;
  term: string;
}

/**
 * Ranks passages by the sum of what each word adds, which is FTS5's BM25 of all of them. FTS5 works out a word's part
 * once, until the index changes; of a burst of questions most words were asked for before.
 */
export class Postings {
  /** Rows `[id, rank]` of the passages that hold a phrase, by id. */
  readonly #statement: StatementSync;
  readonly #known = new LRUCache<string, Posting>({
    maxSize: MAX_ENTRIES,
    sizeCalculation: ({ ids }) => Math.max(1, ids.length),
  });

  constructor(statement: StatementSync) {
    this.#statement = statement;
    statement.setReturnArrays(true);
  }

  /** The passages with one of the `needed` words, ranked by these and the `other` words; the best `limit`, best first. */
  best({ needed, other }: { needed: Word[]; other: Word[] }, limit: number): number[] {
    const first = needed.map((word) => this.#of(word));
    const candidates = union(first.map(({ ids }) => ids));
    const ranks = new Float64Array(candidates.length);
    for (const posting of [...first, ...other.map((word) => this.#of(word))]) add(posting, candidates, ranks);
    return lowest(ranks, limit).map((index) => candidates[index]!);
  }

  clear(): void {
    this.#known.clear();
  }

  #of({ word, term }: Word): Posting {
    const known = this.#known.get(term);
    if (known) return known;
    const rows = this.#statement.all(`"${word.replaceAll('"', '""')}"`) as unknown as [number, number][];
    const posting = { ids: new Uint32Array(rows.length), ranks: new Float32Array(rows.length) };
    for (const [index, [id, rank]] of rows.entries()) {
      posting.ids[index] = id;
      posting.ranks[index] = rank;
    }
    this.#known.set(term, posting);
    return posting;
  }
}

/** Ascending, each once. */
function union(lists: Uint32Array[]): Uint32Array {
  const all = new Uint32Array(lists.reduce((sum, { length }) => sum + length, 0));
  let length = 0;
  for (const list of lists) {
    all.set(list, length);
    length += list.length;
  }
  all.sort();
  let kept = 0;
  for (const [index, id] of all.entries()) if (index === 0 || id !== all[kept - 1]) all[kept++] = id;
  return all.subarray(0, kept);
}

/** Adds a word's ranks to those of the candidates that hold it; both lists ascend. */
function add(posting: Posting, candidates: Uint32Array, ranks: Float64Array): void {
  const { ids } = posting;
  let at = 0;
  for (let index = 0; index < candidates.length && at < ids.length; index += 1) {
    const id = candidates[index]!;
    while (at < ids.length && ids[at]! < id) at += 1;
    if (ids[at] === id) ranks[index]! += posting.ranks[at]!;
  }
}

/** Indexes of the lowest `limit` numbers, lowest first; of equal ones the first comes first. */
function lowest(numbers: Float64Array, limit: number): number[] {
  const best: number[] = [];
  for (const [index, number] of numbers.entries()) {
    if (best.length === limit && number >= numbers[best.at(-1)!]!) continue;
    let at = best.length;
    while (at > 0 && numbers[best[at - 1]!]! > number) at -= 1;
    best.splice(at, 0, index);
    if (best.length > limit) best.pop();
  }
  return best;
}
