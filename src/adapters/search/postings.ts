import type { StatementSync } from "node:sqlite";
import { LRUCache } from "lru-cache";

/** Entries kept over all words, 8 bytes each: enough for every word of 10,000 sections. */
const MAX_ENTRIES = 1_000_000;

/** Where one word stands: passages in ascending order, and what the word adds to each one's rank (BM25, better is lower). */
interface Posting {
  ids: Uint32Array;
  ranks: Float32Array;
  /** The highest passage that was there when this was read; later ones are read when it is used again. */
  upTo: number;
}

export interface Word {
  word: string;
  term: string;
}

/** Which passages there are: what was read of a word before the last change is completed and filtered by this. */
export interface Extent {
  /** The highest id given so far; ids only grow. */
  highest: number;
  /** Passages that are gone but stand in what was read before. */
  removed: ReadonlySet<number>;
}

/** Whether a passage may be found. */
export type Allowed = (id: number) => boolean;

/**
 * Ranks passages by the sum of what each word adds, which is FTS5's BM25 of all of them. FTS5 works out a word's part
 * once; of a burst of questions most words were asked for before. After a change only what was added is read. What a
 * word added to older passages stays as it was (a few changed passages hardly move BM25's averages) until `clear`.
 */
export class Postings {
  /** Rows `[id, rank]` of the passages above an id that hold a phrase, by id. */
  readonly #statement: StatementSync;
  readonly #known = new LRUCache<string, Posting>({
    maxSize: MAX_ENTRIES,
    sizeCalculation: ({ ids }) => Math.max(1, ids.length),
  });
  /** By passage: the question that touched it last, and its rank for that question. */
  #touched = new Uint32Array(0);
  #ranks = new Float64Array(0);
  #question = 0;

  constructor(statement: StatementSync) {
    this.#statement = statement;
    statement.setReturnArrays(true);
  }

  /** The passages with one of the `needed` words, ranked by these and the `other` words; the best `limit`, best first. */
  best(
    { needed, other }: { needed: Word[]; other: Word[] },
    { limit, extent, allowed }: { limit: number; extent: Extent; allowed?: Allowed | undefined },
  ): number[] {
    this.#begin(extent.highest);
    const candidates: number[] = [];
    for (const word of needed) this.#collect(this.read(word, extent.highest), extent.removed, candidates);
    for (const word of other) this.#add(this.read(word, extent.highest));
    return lowest(candidates, this.#ranks, { limit, allowed });
  }

  /** Where a word stands, kept for the questions to come. */
  read({ word, term }: Word, highest: number): Posting {
    const known = this.#known.get(term);
    if (known && known.upTo >= highest) return known;
    const phrase = `"${word.replaceAll('"', '""')}"`;
    const rows = this.#statement.all(phrase, known?.upTo ?? 0) as unknown as [number, number][];
    const posting = append(known, rows, highest);
    this.#known.set(term, posting);
    return posting;
  }

  clear(): void {
    this.#known.clear();
  }

  #begin(highest: number): void {
    if (this.#touched.length <= highest) {
      this.#touched = new Uint32Array(Math.ceil((highest + 1) * 1.5));
      this.#ranks = new Float64Array(this.#touched.length);
      this.#question = 0;
    }
    this.#question += 1;
  }

  #collect({ ids, ranks }: Posting, removed: ReadonlySet<number>, candidates: number[]): void {
    const [touched, sums, question] = [this.#touched, this.#ranks, this.#question];
    for (let at = 0; at < ids.length; at += 1) {
      const id = ids[at]!;
      if (touched[id] === question) sums[id]! += ranks[at]!;
      else if (removed.size === 0 || !removed.has(id)) {
        touched[id] = question;
        sums[id] = ranks[at]!;
        candidates.push(id);
      }
    }
  }

  #add({ ids, ranks }: Posting): void {
    const [touched, sums, question] = [this.#touched, this.#ranks, this.#question];
    for (let at = 0; at < ids.length; at += 1) {
      const id = ids[at]!;
      if (touched[id] === question) sums[id]! += ranks[at]!;
    }
  }
}

function append(known: Posting | undefined, rows: [number, number][], upTo: number): Posting {
  const before = known?.ids.length ?? 0;
  const ids = new Uint32Array(before + rows.length);
  const ranks = new Float32Array(before + rows.length);
  if (known) {
    ids.set(known.ids);
    ranks.set(known.ranks);
  }
  for (const [index, [id, rank]] of rows.entries()) {
    ids[before + index] = id;
    ranks[before + index] = rank;
  }
  return { ids, ranks, upTo };
}

/** The `limit` candidates of the lowest rank, lowest first; of equal ones the lower id comes first. */
function lowest(
  candidates: number[],
  ranks: Float64Array,
  { limit, allowed }: { limit: number; allowed: Allowed | undefined },
): number[] {
  const before = (a: number, b: number) => ranks[a]! < ranks[b]! || (a < b && ranks[a] === ranks[b]);
  const best: number[] = [];
  for (const id of candidates) {
    if (best.length === limit && !before(id, best[limit - 1]!)) continue;
    if (allowed && !allowed(id)) continue;
    let at = best.length;
    while (at > 0 && before(id, best[at - 1]!)) at -= 1;
    best.splice(at, 0, id);
    if (best.length > limit) best.pop();
  }
  return best;
}
