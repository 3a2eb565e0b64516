import matter from "gray-matter";
import remarkParse from "remark-parse";
import { unified } from "unified";
import { beforeAll, expect, test } from "vitest";
import { readFrontMatter, scanSections } from "../../../src/adapters/markdown/index.ts";
import { ownDocuments, realDocuments, type RealDocument } from "./documents.ts";

let real: RealDocument[] = [];
beforeAll(async () => {
  real = await realDocuments();
});

const processor = unified().use(remarkParse);

/** Level and offset of the headings that remark sees. */
function remarkHeadings(text: string): string[] {
  const plain = text.replace(/^\uFEFF/, "");
  const front = /^---[ \t]*\r?\n(?:[^]*?\r?\n)?---[ \t]*(?:\r?\n|$)/.exec(plain)?.[0].length ?? 0;
  return processor.parse(plain.slice(front)).children.flatMap((node) => {
    const start = node.position?.start;
    if (node.type !== "heading" || start?.offset === undefined) return [];
    return [`${node.depth}@${start.offset + front - start.column + 1}`];
  });
}

function ourHeadings(text: string): string[] {
  return scanSections(text).flatMap(({ level, start }) => (level > 0 ? [`${level}@${start}`] : []));
}

function compare(name: string, documents: RealDocument[]): number {
  const different = documents.filter(({ text }) => remarkHeadings(text).join() !== ourHeadings(text).join());
  const share = documents.length === 0 ? 1 : 1 - different.length / documents.length;
  console.info(
    `${name}: headings as remark has them in ${(share * 100).toFixed(2)} % of ${documents.length} documents`,
  );
  for (const { path } of different) console.info(`  differs: ${path}`);
  return share;
}

test("the line scanner sees the headings that remark sees: own documents", () => {
  expect(compare("own documents", ownDocuments())).toBeGreaterThanOrEqual(0.98);
});

test("the line scanner sees the headings that remark sees: real repositories", { timeout: 300_000 }, () => {
  // remark takes most of the time for the few largest ones.
  const documents = real.filter(({ text }) => text.length < 30_000);
  expect(compare("real repositories", documents)).toBeGreaterThanOrEqual(0.98);
});

const TRICKY: [string, string][] = [
  ["a fence in a fence", "````\n```\n# no\n```\n````\n# yes\n"],
  ["a tilde fence", "~~~ js\n# no\n```\n~~~\n# yes\n"],
  ["an unclosed fence", "# yes\n```\n# no\n"],
  ["a fence in a list that ends with the list", "- a\n  ```\n  # no\n\n# yes\n"],
  ["a heading in a list", "- # no\n- a\n\n  ## no\n\n## yes\n"],
  ["a heading in a quote", "> # no\n# yes\n"],
  ["setext headings", "One\n===\n\nTwo\nlines\n---\n\n- item\n---\n\n> quote\nlazy\n===\n"],
  ["a table is no heading", "| a |\n|---|\n| b |\n"],
  ["indented by three and by four", "   # yes\n\n    # no\n"],
  ["closed and empty headings", "# yes #\n#\n## yes ##  \n#no\n####### no\n"],
  ["comments and HTML", "<!-- # a\n# no\n-->\n# yes\n<div>\n# no\n\n# yes\n<script>\n# no\n\n# no\n</script>\n# yes\n"],
  ["a processing instruction and CDATA", "<?php\n# no\n?>\n# yes\n<![CDATA[\n# no\n]]>\n# yes\n"],
  ["an inline tag does not hide a heading", "text <b>\n# yes\n"],
  ["a definition and an underline", "[a]: /b\n===\n\n# yes\n"],
  ["CR LF, lone CR and BOM", "\uFEFF# a\r\n\r\nb\r\n===\r\n## c\r# d"],
  ["tabs", "-\ta\n\n\t# no\n\n#\tyes\n"],
  ["ordered lists", "1. a\n   # no\n\n2) b\n# yes\n\ntext\n3. no list\n---\n"],
  ["thematic breaks", "* * *\n# yes\n---\n# yes\n- - -\n"],
  ["nested lists", "- a\n  - b\n    ```\n    # no\n  # no\n# yes\n"],
  ["front matter", "---\na: b\n---\n# yes\n"],
  ["front matter that never ends", "---\na: b\n# yes\n"],
];

test.each(TRICKY)("agrees with remark about %s", (_name, text) => {
  expect(ourHeadings(text)).toEqual(remarkHeadings(text));
});

/** gray-matter with every engine but YAML switched off: it would run `---js` otherwise. */
function grayMatter(text: string): unknown {
  const refuse = () => {
    throw new Error("no engine");
  };
  const engines = { javascript: { parse: refuse, stringify: refuse }, js: { parse: refuse, stringify: refuse } };
  // A fresh options object keeps gray-matter from answering out of its cache.
  return matter(text, { engines }).data;
}

/** A first line that is a fence, and another fence; gray-matter takes a rule without a second one for front matter too. */
const FENCED = /^---\n(?:[^]*?\n)?---[ \t]*\n/;

/** What a reader gives, or that it refuses: a document may begin with a rule that both take for a fence. */
function outcome(read: () => unknown): unknown {
  try {
    return read();
  } catch {
    return "refused";
  }
}

test("ordinary front matter is read as gray-matter reads it", () => {
  const fenced = [...ownDocuments(), ...real].filter(({ text }) => FENCED.test(text));
  const written = [
    "---\ntitle: Hello\ncount: 3\nopen: true\ntags: [a, b]\nnested:\n  k: v\n  list:\n    - 1\n    - two\n---\nbody",
    "---\na: 'it''s'\nb: \"x\\ny\"\nc: |\n  two\n  lines\nd: >\n  folded\n  text\ne:\nf: ~\ng: 1.5\n---\n",
    "---\r\na: 1\r\nb: zwei 二\r\n---\r\nbody",
    "---\n---\nempty",
  ];
  const texts = [...written, ...fenced.map(({ text }) => text)];
  console.info(`front matter compared with gray-matter in ${texts.length} documents`);
  for (const text of texts)
    expect(outcome(() => readFrontMatter(text, "a.md").data)).toEqual(outcome(() => grayMatter(text)));
});

test("code in front matter is text and is never run", () => {
  const globals = globalThis as { ranFrontMatter?: boolean };
  for (const language of ["js", "javascript", "coffee", "json", " js"]) {
    const text = `---${language}\n(globalThis.ranFrontMatter = true, { a: 1 })\n---\n# Body\n`;
    expect(readFrontMatter(text, "a.md")).toEqual({ data: {}, range: null, bodyStart: 0 });
    scanSections(text);
  }
  expect(globals.ranFrontMatter).toBeUndefined();
});

test("a rule below a table is no heading, as on GitHub; remark without its plug-in for tables sees one", () => {
  expect(ourHeadings("| a |\n|---|\n| b |\n---\n")).toEqual([]);
});
