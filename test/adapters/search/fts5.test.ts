import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import fc from "fast-check";
import { afterEach, expect, test } from "vitest";
import { type IndexedDocument, openSearchIndex, type SearchIndex } from "../../../src/adapters/search/index.ts";

const directories: string[] = [];
afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});

function file(): string {
  const directory = mkdtempSync(join(tmpdir(), "specloop-search-"));
  directories.push(directory);
  return join(directory, "index.db");
}

function document(path: string, ...texts: string[]): IndexedDocument {
  const passages = texts.map((text, at) => ({
    heading: `Part ${at}`,
    headingPath: ["Top", `Part ${at}`],
    level: 2,
    startLine: at,
    endLine: at,
    text,
  }));
  return { path, revision: `r-${path}`, passages };
}

function found(index: SearchIndex, question: string): string[] {
  return index.search(question, { limit: 10 }).map(({ path, passage }) => `${path} ${passage.heading}`);
}

test("words are found by their stem, whatever their letter case and accents", () => {
  using index = openSearchIndex(":memory:");
  index.replaceDocuments([
    document("a.md", "The validators agreed on café hours."),
    document("b.md", "Nothing of that."),
  ]);
  for (const question of ["validation", "AGREED", "agrees", "cafe", "What do validators agree on?"])
    expect(found(index, question)).toEqual(["a.md Part 0"]);
});

test("an identifier is found by a part that is no word of its own", () => {
  using index = openSearchIndex(":memory:");
  index.replaceDocuments([
    document("a.md", "Set `documents.minScoreDefault` in the file."),
    document("b.md", "Other words."),
  ]);
  expect(found(index, "minScore")).toEqual(["a.md Part 0"]);
});

test("Chinese and Japanese are found by words of two characters", () => {
  using index = openSearchIndex(":memory:");
  index.replaceDocuments([
    document("a.md", "变更提案必须包含任务清单。"),
    document("b.md", "日志写入文件。"),
    document("c.md", "バックアップは毎晩実行される。"),
  ]);
  expect(found(index, "提案")).toEqual(["a.md Part 0"]);
  expect(found(index, "日志在哪里？")).toEqual(["b.md Part 0"]);
  expect(found(index, "バックアップはいつですか")).toEqual(["c.md Part 0"]);
});

test("a document is replaced whole, and its words are gone with it", () => {
  using index = openSearchIndex(":memory:");
  index.replaceDocuments([document("a.md", "alpha", "beta"), document("b.md", "gamma")]);
  index.replaceDocuments([document("a.md", "delta")]);
  expect([found(index, "alpha beta"), found(index, "delta")]).toEqual([[], ["a.md Part 0"]]);
  expect(index.weigh("alpha")[0]!.weight).toBeGreaterThan(index.weigh("delta")[0]!.weight);
  index.removeDocuments(["a.md", "unknown.md"]);
  expect([found(index, "delta"), [...index.documents()]]).toEqual([[], [["b.md", "r-b.md"]]]);
  index.clear();
  expect([...index.documents()]).toEqual([]);
});

test("what was remembered of an earlier search is forgotten with the documents that it was about", () => {
  using index = openSearchIndex(":memory:");
  index.replaceDocuments([document("a.md", "The lantern hangs outside.")]);
  const first = index.search("lantern", { limit: 5 })[0]!;
  expect(index.evidence(index.weigh("lantern"), first).best).toBe(1);
  index.replaceDocuments([{ ...document("a.md", "The kettle stands inside."), revision: "r-2" }]);
  expect(found(index, "lantern")).toEqual([]);
  const second = index.search("kettle", { limit: 5 })[0]!;
  expect(second.passage.text).toContain("kettle");
  expect(second.revision).toBe("r-2");
  expect(index.evidence(index.weigh("lantern"), second).best).toBe(0);
});

test("evidence is the share of the question's weight, and rare words weigh more", () => {
  using index = openSearchIndex(":memory:");
  const common = Array.from({ length: 300 }, (_, at) => document(`c${at}.md`, "order voucher"));
  index.replaceDocuments([...common, document("a.md", "order tandem")]);
  const evidence = (question: string) => {
    const terms = index.weigh(question);
    return index.evidence(terms, index.search("tandem", { limit: 1 })[0]!).best;
  };
  expect(evidence("Is there a tandem order?")).toBe(1);
  expect(evidence("tandem voucher")).toBeGreaterThan(0.8);
  expect(evidence("order spaceship")).toBeLessThan(0.2);
});

test("words far apart in a passage are weaker evidence than words side by side", () => {
  using index = openSearchIndex(":memory:");
  const far = `Tandem.\n\n${"Filler text here.\n\n".repeat(60)}Voucher.`;
  index.replaceDocuments([document("far.md", far), document("near.md", "A tandem voucher.")]);
  const terms = index.weigh("tandem voucher");
  const best = Object.fromEntries(
    index.search("tandem voucher", { limit: 2 }).map((hit) => [hit.path, index.evidence(terms, hit).best]),
  );
  expect(best["near.md"]).toBe(1);
  expect(best["far.md"]).toBeLessThan(0.7);
});

test("a copy is changed without touching the original", () => {
  using index = openSearchIndex(":memory:");
  index.replaceDocuments([document("a.md", "alpha")]);
  using copy = index.fork();
  copy.replaceDocuments([document("b.md", "alpha")]);
  copy.removeDocuments(["a.md"]);
  expect([found(index, "alpha"), found(copy, "alpha")]).toEqual([["a.md Part 0"], ["b.md Part 0"]]);
});

test("a question is words only: no character of it is an operator", () => {
  using index = openSearchIndex(":memory:");
  index.replaceDocuments([document("a.md", "alpha beta")]);
  const hostile = [
    '"',
    "alpha AND",
    "alpha NOT beta",
    "NEAR(alpha beta)",
    "text:alpha",
    "^alpha",
    "alpha*",
    "(",
    "{",
    "-alpha",
    "a.b:c/d-e",
    "\0",
    "💥",
  ];
  for (const question of hostile) expect(() => index.search(question, { limit: 5 })).not.toThrow();
  fc.assert(
    fc.property(
      fc.string({ unit: "binary", maxLength: 200 }),
      (question) => index.search(question, { limit: 5 }).length <= 1,
    ),
  );
});

test("an index is there again after it was closed", () => {
  const path = file();
  {
    using index = openSearchIndex(path);
    index.replaceDocuments([document("a.md", "alpha")]);
  }
  using index = openSearchIndex(path);
  expect([[...index.documents()], found(index, "alpha")]).toEqual([[["a.md", "r-a.md"]], ["a.md Part 0"]]);
});

test.each([
  ["is no database", (path: string) => writeFileSync(path, "this is not a database, not at all, ".repeat(200))],
  ["was cut off", (path: string) => truncateSync(path, Math.floor(statSync(path).size / 2))],
  [
    "has damaged pages",
    (path: string) => {
      const bytes = readFileSync(path);
      bytes.fill(0xff, 4096);
      writeFileSync(path, bytes);
    },
  ],
  [
    "is of another version",
    (path: string) => {
      using other = new DatabaseSync(path);
      other.exec("PRAGMA user_version = 999");
    },
  ],
])("a file that %s is dropped and made anew", (_what, damage) => {
  const path = file();
  {
    using index = openSearchIndex(path);
    index.replaceDocuments(Array.from({ length: 50 }, (_, at) => document(`${at}.md`, "alpha ".repeat(200))));
  }
  damage(path);
  using index = openSearchIndex(path);
  expect([...index.documents()]).toEqual([]);
  index.replaceDocuments([document("a.md", "alpha")]);
  expect(found(index, "alpha")).toEqual(["a.md Part 0"]);
});

test("damage while it is open empties the index and says so; then it can be filled again", () => {
  const path = file();
  using index = openSearchIndex(path);
  index.replaceDocuments(Array.from({ length: 400 }, (_, at) => document(`${at}.md`, `alpha word${at} `.repeat(100))));
  {
    using other = new DatabaseSync(path);
    other.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  }
  const bytes = readFileSync(path);
  bytes.fill(0xff, 100);
  writeFileSync(path, bytes);
  expect(() => index.replaceDocuments([document("b.md", "beta")])).toThrow(
    expect.objectContaining({ code: "store_corrupt" }),
  );
  expect([...index.documents()]).toEqual([]);
  index.replaceDocuments([document("b.md", "beta")]);
  expect(found(index, "beta")).toEqual(["b.md Part 0"]);
});
