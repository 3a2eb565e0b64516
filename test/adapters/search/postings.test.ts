import { DatabaseSync } from "node:sqlite";
import fc from "fast-check";
import { expect, test } from "vitest";
import { Postings } from "../../../src/adapters/search/postings.ts";

const all = { limit: 10, extent: { highest: 40, removed: new Set<number>() } };
const WORDS = ["ash", "birch", "cedar", "elm", "fir", "hazel"];

test("ranking word by word gives the order and the ranks of FTS5's own BM25", () => {
  const text = fc.array(fc.constantFrom(...WORDS, "filler", "stuff"), { minLength: 1, maxLength: 30 });
  const asked = fc.uniqueArray(fc.constantFrom(...WORDS), { minLength: 1 });
  fc.assert(
    fc.property(fc.array(text, { minLength: 1, maxLength: 40 }), asked, (texts, words) => {
      using db = indexOf(texts.map((parts) => parts.join(" ")));
      const postings = new Postings(
        db.prepare("SELECT rowid, rank FROM words WHERE words MATCH ? AND rowid > ? ORDER BY rowid"),
      );
      const needed = words.map((word) => ({ word, term: word }));
      const ours = postings.best({ needed, other: [] }, all);
      const ranks = ranksOf(db, words);
      expect(ours.map((id) => ranks.get(id)!.toFixed(4))).toEqual(
        [...ranks.values()].slice(0, 10).map((rank) => rank.toFixed(4)),
      );
      // Asked again, it answers from what it kept.
      expect(postings.best({ needed, other: [] }, all)).toEqual(ours);
    }),
    { numRuns: 50 },
  );
});

test("other words rank passages but do not bring in new ones", () => {
  using db = indexOf(["ash", "ash birch", "birch", "birch birch"]);
  const postings = new Postings(
    db.prepare("SELECT rowid, rank FROM words WHERE words MATCH ? AND rowid > ? ORDER BY rowid"),
  );
  const word = (word: string) => ({ word, term: word });
  expect(postings.best({ needed: [word("ash")], other: [] }, all)).toEqual([1, 2]);
  expect(new Set(postings.best({ needed: [word("ash")], other: [word("birch")] }, all))).toEqual(new Set([1, 2]));
  expect(postings.best({ needed: [word("nowhere")], other: [word("birch")] }, all)).toEqual([]);
});

function indexOf(texts: string[]): DatabaseSync {
  const db = new DatabaseSync(":memory:");
  db.exec("CREATE VIRTUAL TABLE words USING fts5(text)");
  const insert = db.prepare("INSERT INTO words (text) VALUES (?)");
  for (const text of texts) insert.run(text);
  return db;
}

/** Passage -> rank, best first, as FTS5 ranks a query of all words at once. */
function ranksOf(db: DatabaseSync, words: string[]): Map<number, number> {
  const rows = db
    .prepare("SELECT rowid AS id, rank FROM words WHERE words MATCH ? ORDER BY rank, rowid")
    .all(words.join(" OR "));
  return new Map(rows.map((row) => [row["id"] as number, row["rank"] as number]));
}
