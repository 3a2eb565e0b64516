import { expect, test } from "vitest";
import { changedHeadings, MarkdownParser } from "../../../src/adapters/markdown/index.ts";

test("gives heading positions behind front matter and byte order mark", async () => {
  await using parser = new MarkdownParser();
  const text = "---\na: b\n---\n# One\n\n- # not\n\nTwo\n===\n";
  const expected = [
    { level: 1, start: 13, end: 18 },
    { level: 1, start: 29, end: 36 },
  ];
  expect(await parser.headings(text, "a.md")).toEqual(expected);
  expect(await parser.headings(`\uFEFF${text}`, "a.md")).toEqual(expected);
});

test("a hostile document is given up, and the next one is parsed", async () => {
  await using parser = new MarkdownParser({ timeoutMs: 300 });
  const hostile = parser.headings("> ".repeat(30_000), "bomb.md");
  const next = parser.headings("# Fine\n", "a.md");
  await expect(hostile).rejects.toMatchObject({ code: "document_too_complex", target: "bomb.md" });
  expect(await next).toEqual([{ level: 1, start: 0, end: 6 }]);
});

test("a document that is too large is refused without a worker", async () => {
  await using parser = new MarkdownParser({ maxSize: 10 });
  await expect(parser.headings("# 123456789", "a.md")).rejects.toMatchObject({ code: "document_too_large" });
});

test("many at once are answered each with its own", async () => {
  await using parser = new MarkdownParser();
  const texts = Array.from({ length: 50 }, (_, index) => `${"\n".repeat(index)}# H\n`);
  const answers = await Promise.all(texts.map((text) => parser.headings(text, "a.md")));
  expect(answers.map(([heading]) => heading?.start)).toEqual(texts.map((_text, index) => index));
});

test("a worker that ended for lack of work starts again", async () => {
  await using parser = new MarkdownParser({ idleMs: 1 });
  for (let turn = 0; turn < 3; turn += 1) {
    expect(await parser.headings("# H\n", "a.md")).toHaveLength(1);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
});

test("closing fails what waits, and everything afterwards", async () => {
  const parser = new MarkdownParser();
  const waiting = parser.headings("# H\n", "a.md");
  const refused = expect(waiting).rejects.toMatchObject({ code: "cancelled" });
  await parser[Symbol.asyncDispose]();
  await refused;
  await expect(parser.headings("# H\n", "a.md")).rejects.toMatchObject({ code: "cancelled" });
});

test("tells headings that vanish or appear outside what was replaced", () => {
  const heading = (start: number) => ({ level: 2, start, end: start + 5 });
  const splice = { start: 10, end: 20, replacement: "12345678901234567890" };
  expect(
    changedHeadings([heading(0), heading(12), heading(30)], [heading(0), heading(15), heading(40)], splice),
  ).toEqual({ lost: [], appeared: [] });
  expect(changedHeadings([heading(0), heading(30)], [heading(0)], splice)).toEqual({ lost: [30], appeared: [] });
  expect(changedHeadings([heading(0)], [heading(0), heading(50)], splice)).toEqual({ lost: [], appeared: [50] });
});
