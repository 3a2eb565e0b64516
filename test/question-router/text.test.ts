import fc from "fast-check";
import { expect, test } from "vitest";
import { openSearchIndex } from "../../src/adapters/search/index.ts";
import { asksItself } from "../../src/question-router/asks-itself.ts";
import { extract } from "../../src/question-router/extract.ts";
import { globMatcher } from "../../src/foundation/glob.ts";
import { normalise, questionKey } from "../../src/question-router/key.ts";
import { passagesOf } from "../../src/question-router/passages.ts";

test.each([
  ["What is C++?", "what is c++"],
  ["  What\tis  “it”,  really ?", "what is it really ?"],
  ["Ｗｈａｔ　ｉｓ　ｉｔ？", "what is it"],
  ["Does v1.2 differ from v1.3?", "does v1.2 differ from v1.3"],
  ["What does -V do?", "what does -V do"],
  ["什么是提案？", "什么是提案"],
])("%j is the question %j", (text, key) => {
  expect(normalise(text)).toBe(key);
});

test.each([
  ["what does -v do", "what does -V do"],
  ["is a != b", "is a = b"],
  ["may I deploy", "may I not deploy"],
  ["path a/b", "path ab"],
  ["what does ! mean", "what does ? mean"],
  ["version 1.2", "version 12"],
])("%j and %j are two questions", (a, b) => {
  expect(normalise(a)).not.toBe(normalise(b));
});

test("the key tells text, change and kind apart", () => {
  const base = { text: "a", kind: "fact" as const, change: null };
  const keys = [
    base,
    { ...base, text: "b" },
    { ...base, kind: "how_to" as const },
    { ...base, change: "x" },
    { ...base, text: "a\0x", change: null },
  ];
  expect(new Set(keys.map(questionKey)).size).toBe(keys.length);
  fc.assert(
    fc.property(
      fc.string({ unit: "grapheme" }),
      (text) => normalise(normalise(text)) === normalise(text) || text.includes("-"),
    ),
  );
});

test.each([
  ["docs/**/*.md", ["docs/a.md", "docs/b/c/a.md"], ["docs.md", "xdocs/a.md", "docs/a.mdx"]],
  ["**/openspec/*.md", ["openspec/a.md", "pkg/x/openspec/a.md"], ["openspec/b/a.md", "notopenspec/a.md"]],
  ["a/{b,c}/?.md", ["a/b/1.md", "a/c/2.md"], ["a/d/1.md", "a/b/12.md"]],
  ["README.md", ["README.md"], ["READMExmd", "x/README.md"]],
])("%s matches %j and not %j", (glob, yes, no) => {
  const matches = globMatcher([glob]);
  expect([yes.filter(matches), no.filter(matches)]).toEqual([yes, []]);
});

const SPEC = `---
title: x
---
Preamble.

# Title

## Purpose
Why.

### Requirement: One
It SHALL.

#### Scenario: A
- **WHEN** b

### Requirement: Two
It MUST.

## Empty

## Notes

\`\`\`md
# not a heading
\`\`\`
`;

test("a document is cut into requirements with their scenarios and sections with their own text", () => {
  const passages = passagesOf(SPEC);
  expect(passages.map(({ headingPath, startLine, endLine }) => [headingPath.join(" > "), startLine, endLine])).toEqual([
    ["", 4, 4],
    ["Title > Purpose", 8, 9],
    ["Title > Purpose > Requirement: One", 11, 15],
    ["Title > Purpose > Requirement: Two", 17, 18],
    ["Title > Notes", 22, 26],
  ]);
  expect(passages[2]!.text).toBe("It SHALL.\n\n#### Scenario: A\n- **WHEN** b");
});

test("lines of passages are where their text stands, for any document", () => {
  const line = fc.constantFrom(
    "# A",
    "## B",
    "### Requirement: C",
    "text",
    "- item",
    "",
    "```",
    "x".repeat(900),
    "a\tb",
    "字",
  );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 60 }), fc.constantFrom("\n", "\r\n"), (lines, eol) => {
      const text = lines.join(eol);
      const all = text.split(eol);
      for (const passage of passagesOf(text)) {
        const span = all.slice(passage.startLine - 1, passage.endLine).join(eol);
        expect(span.endsWith(passage.text.slice(-200))).toBe(true);
        expect(passage.text.length).toBeLessThanOrEqual(2400);
      }
    }),
  );
});

test("an extract holds the first block, what answers, and marks what it left out", () => {
  using index = openSearchIndex(":memory:");
  const filler = Array.from(
    { length: 12 },
    (_, at) => `- Item ${at} tells of other things, at some length, so that the passage is long enough to be cut.`,
  ).join("\n");
  const text = `The shop SHALL be closed at night.\n\n${filler}\n- The tandem is repaired in the yard.\n${filler}`;
  const [passage] = passagesOf(`# Shop\n\n${text}\n`);
  index.replaceDocuments([{ path: "a.md", revision: "r", passages: [passage!] }]);
  const {
    text: extracted,
    startLine,
    endLine,
  } = extract(passage!, index.weigh("Where is the tandem repaired?"), index);
  expect(extracted).toMatch(/^The shop SHALL be closed at night\.\n\n…\n\n- The tandem is repaired in the yard\./);
  expect(extracted.length).toBeLessThan(1000);
  expect([startLine, endLine]).toEqual([1, 17]);
});

test("a list of open questions does not answer them, and a list of answered ones does", () => {
  expect(asksItself("- How long?\n- Who **clears** it?\n- Which?", "Who clears it?")).toBe(true);
  expect(asksItself("- How long?\n- Who clears it?\n", "who  clears it?")).toBe(true);
  expect(asksItself("- Who clears it?\n  Nobody does.", "Who clears it?")).toBe(false);
  expect(asksItself("**Who clears it?** Nobody does.", "Who clears it?")).toBe(false);
  expect(asksItself("Nobody clears it.", "Who clears it?")).toBe(false);
});
