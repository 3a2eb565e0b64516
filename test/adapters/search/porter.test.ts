import { globSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { porterStem } from "../../../src/adapters/search/porter.ts";
import { REAL_REPOSITORIES, realRepositoriesMissing, realFiles } from "../../helpers/repository.ts";

const own = resolve(import.meta.dirname, "../../..");
/** Endings that Porter's rules tell apart, on stems of every measure. */
const ENDINGS =
  "s es ies sses ed eed ing y al ance ence er ic able ible ant ement ment ent ion tion sion ou ism ate iti ous ive ize ational tional enci anci izer bli alli entli eli ousli ization ation ator alism iveness fulness ousness aliti iviti biliti logi icate ative alize iciti ical ful ness e ll".split(
    " ",
  );
const STEMS = [
  "a",
  "tr",
  "be",
  "hop",
  "fil",
  "agre",
  "plast",
  "cond",
  "relat",
  "oper",
  "sens",
  "rot",
  "controll",
  "yoy",
  "syzyg",
  "bubbl",
  "tann",
  "fizz",
  "generaliz",
];

/** Words that FTS5's own `porter unicode61` stems otherwise. */
function differences(words: string[]): string[] {
  using db = new DatabaseSync(":memory:");
  db.exec("CREATE VIRTUAL TABLE words USING fts5(word, tokenize='porter unicode61')");
  db.exec("CREATE VIRTUAL TABLE stems USING fts5vocab(words, instance)");
  const insert = db.prepare("INSERT INTO words (rowid, word) VALUES (?, ?)");
  // One segment of the index instead of one for each word.
  db.exec("BEGIN");
  for (const [at, word] of words.entries()) insert.run(at + 1, word);
  db.exec("COMMIT");
  const rows = db.prepare("SELECT term, doc FROM stems").all();
  expect(rows).toHaveLength(words.length);
  return rows.flatMap(({ term, doc }) => {
    const word = words[Number(doc) - 1]!;
    return porterStem(word) === term ? [] : [`${word}: FTS5 ${String(term)}, ours ${porterStem(word)}`];
  });
}

function wordsOf(directory: string): string[] {
  const texts = globSync("{docs,openspec,src}/**/*.{md,ts}", { cwd: directory }).map((file) =>
    readFileSync(join(directory, file), "utf8"),
  );
  return [...new Set(texts.flatMap((text) => text.toLowerCase().match(/[a-z]+/g) ?? []))];
}

test("stems are those of FTS5, for every ending and for the words of this project", () => {
  const made = STEMS.flatMap((stem) => ["", ...ENDINGS].map((ending) => stem + ending));
  expect(differences([...new Set([...made, ...wordsOf(own), "x".repeat(64), "s".repeat(65)])])).toEqual([]);
});

if (realRepositoriesMissing) console.warn(realRepositoriesMissing);
test.skipIf(realRepositoriesMissing !== null)(
  "stems are those of FTS5 for the words of real repositories",
  async () => {
    for (const name of REAL_REPOSITORIES) {
      await using repository = await realFiles(name);
      expect(differences(wordsOf(repository.path))).toEqual([]);
    }
  },
);
