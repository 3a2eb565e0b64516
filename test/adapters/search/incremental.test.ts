import fc from "fast-check";
import { expect, test } from "vitest";
import { type IndexedDocument, openSearchIndex, type SearchIndex } from "../../../src/adapters/search/index.ts";

const WORDS = ["ash", "birch", "cedar", "elm", "fir", "hazel", "getName", "docs/oak.md"];

function document(path: string, texts: string[]): IndexedDocument {
  const passages = texts.map((text, at) => ({
    heading: `Part ${at}`,
    headingPath: [path, `Part ${at}`],
    level: 2,
    startLine: 3 * at + 1,
    endLine: 3 * at + 2,
    text,
  }));
  return { path, revision: texts.join("|"), passages };
}

function found(index: SearchIndex, question: string): string[] {
  return index
    .search(question, { limit: 50 })
    .map(({ path, passage }) => `${path} ${passage.startLine} ${passage.text}`);
}

test("after any edits the same passages are found as in an index that was made of the result", () => {
  const text = fc.array(fc.constantFrom(...WORDS), { minLength: 1, maxLength: 6 }).map((words) => words.join(" "));
  const edit = fc.record({
    path: fc.constantFrom("a.md", "b.md", "c.md"),
    texts: fc.option(fc.array(text, { maxLength: 5 }), { freq: 4 }),
    ask: fc.constantFrom(...WORDS),
  });
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 12 }), (edits) => {
      using index = openSearchIndex(":memory:");
      const now = new Map<string, string[]>();
      for (const { path, texts, ask } of edits) {
        if (texts) index.replaceDocuments([document(path, texts)]);
        else index.removeDocuments([path]);
        if (texts) now.set(path, texts);
        else now.delete(path);
        // What is remembered of this question must not hide or invent what the next edits bring.
        index.search(ask, { limit: 5 });
        if (texts?.length === 3) while (!index.warm(5));
      }
      using fresh = openSearchIndex(":memory:");
      fresh.replaceDocuments([...now].map(([path, texts]) => document(path, texts)));
      expect(new Map(index.documents())).toEqual(new Map(fresh.documents()));
      for (const word of WORDS) expect(new Set(found(index, word))).toEqual(new Set(found(fresh, word)));
      for (const path of now.keys()) expect(index.read([path])).toEqual(fresh.read([path]));
    }),
    { numRuns: 60 },
  );
});

test("a passage that stays keeps its vector, wherever its lines and its document go", () => {
  using index = openSearchIndex(":memory:");
  const hashes = () => index.unembedded("m", 100).map(({ text }) => text.split("\n")[1]);
  index.replaceDocuments([document("a.md", ["alpha", "beta"])]);
  const vector = new Float32Array(8).fill(Math.sqrt(1 / 8));
  index.putVectors(
    "m",
    index.unembedded("m", 100).map(({ hash }) => ({ hash, vector })),
  );
  expect(hashes()).toEqual([]);
  const moved = document("a.md", ["alpha", "beta"]);
  for (const passage of moved.passages) passage.startLine += 7;
  index.replaceDocuments([{ ...moved, revision: "moved" }]);
  expect([hashes(), index.read(["a.md"])[0]?.passages[0]?.startLine]).toEqual([[], 8]);
  index.replaceDocuments([document("a.md", ["alpha", "gamma"])]);
  expect(hashes()).toEqual(["gamma"]);
  index.replaceDocuments([{ ...document("a.md", ["alpha"]), path: "renamed.md" }]);
  expect(hashes()).toEqual(["gamma"]);
});

test("passages are found by their meaning, and vectors of another model or length are void", () => {
  using index = openSearchIndex(":memory:");
  index.replaceDocuments([document("a.md", ["alpha"]), document("b.md", ["beta"])]);
  const axis = (at: number, length = 8) => Float32Array.from({ length }, (_, place) => (place === at ? 1 : 0));
  const put = (model: string, length = 8) =>
    index.putVectors(
      model,
      index
        .unembedded(model, 9)
        .map(({ hash, text }) => ({ hash, vector: axis(text.includes("beta") ? 1 : 0, length) })),
    );
  const near = (model: string, vector: Float32Array) =>
    index
      .search("nothing of this stands there", { limit: 5, meaning: { model, vector, weight: 1 } })
      .map(({ path, similarity }) => [path, Number(similarity?.toFixed(3))]);
  put("m");
  expect(near("m", axis(1))[0]).toEqual(["b.md", 1]);
  expect([near("other", axis(1)), near("m", axis(1, 16))]).toEqual([[], []]);
  expect(index.unembedded("other", 9)).toHaveLength(2);
  put("other");
  expect([index.embeddedBy(), near("m", axis(1)), near("other", axis(0))[0]]).toEqual(["other", [], ["a.md", 1]]);
  index.removeDocuments(["a.md"]);
  expect(near("other", axis(0)).map(([path]) => path)).toEqual(["b.md"]);
});

test("documents that may not be read are passed over, and others take their place", () => {
  using index = openSearchIndex(":memory:");
  index.replaceDocuments(Array.from({ length: 120 }, (_, at) => document(`${at}.md`, ["alpha beta"])));
  const mayRead = (path: string) => path === "97.md";
  expect(index.search("alpha", { limit: 10, mayRead }).map(({ path }) => path)).toEqual(["97.md"]);
});
