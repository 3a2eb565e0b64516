import fc from "fast-check";
import { beforeAll, expect, test } from "vitest";
import {
  applyEdit,
  applyEdits,
  readFrontMatter,
  scanSections,
  scanTasks,
  type DocumentEdit,
} from "../../../src/adapters/markdown/index.ts";
import { ownDocuments, realDocuments, type RealDocument } from "./documents.ts";

const T = "# T\n\nintro\n\n## A\n\ntext\n\n### S\n- one\n\n## B\n## C\nend";
const edit = (text: string, kind: DocumentEdit["kind"], more: object) =>
  applyEdit(text, { kind, ...more } as DocumentEdit, "a.md");

test.each([
  [
    "a paragraph goes before the subsections",
    { section: "A", content: "more\n" },
    T.replace("text\n", "text\n\nmore\n"),
  ],
  ["a list item joins the list", { section: "S", content: "- two" }, T.replace("- one", "- one\n- two")],
  [
    "a subsection goes behind the others",
    { section: "A", content: "### N\n\nx" },
    T.replace("- one\n", "- one\n\n### N\n\nx\n"),
  ],
  ["an empty section gets a blank line", { section: "B", content: "b" }, T.replace("## B\n", "## B\n\nb\n")],
  ["a last line without end stays without", { section: "T > C", content: "b" }, `${T}\n\nb`],
  ["nothing is nothing", { section: "A", content: "\n \n" }, T],
])("append: %s", (_name, more, expected) => {
  expect(edit(T, "append_to_section", more)).toBe(expected);
});

test.each([
  ["with its subsections", { section: "A", content: "new" }, "# T\n\nintro\n\n## A\n\nnew\n\n## B\n## C\nend"],
  ["a repeated heading is not doubled", { section: "## S", content: "### S\n\nnew" }, T.replace("- one", "new")],
  ["by its path", { section: "T > A > S", content: "new" }, T.replace("- one", "new")],
  ["an empty one is filled", { section: "B", content: "new" }, T.replace("## B\n", "## B\n\nnew\n")],
  ["the last one", { section: "C", content: "new\n" }, T.replace("end", "new")],
])("replace: %s", (_name, more, expected) => {
  expect(edit(T, "replace_section", more)).toBe(expected);
});

test("a setext heading below keeps its distance", () => {
  expect(edit("# A\nB\n===\n", "append_to_section", { section: "A", content: "x" })).toBe("# A\n\nx\n\nB\n===\n");
});

test("line ends and the byte order mark are the document's, whatever the content has", () => {
  const text = "\uFEFF# A\r\n\r\n旧\r\n\r\n# B\r\n";
  expect(edit(text, "replace_section", { section: "A", content: "新\nline" })).toBe(
    "\uFEFF# A\r\n\r\n新\r\nline\r\n\r\n# B\r\n",
  );
  expect(edit(text, "replace_text", { find: "旧\n\n# B", replace: "x\n# B" })).toBe("\uFEFF# A\r\n\r\nx\r\n# B\r\n");
  expect(edit(text, "write", { content: "\uFEFFa\nb\n" })).toBe("\uFEFFa\r\nb\r\n");
  expect(edit("", "write", { content: "a\r\nb" })).toBe("a\r\nb");
});

test.each<[string, string, DocumentEdit, string]>([
  ["a section that is not there", T, { kind: "replace_section", section: "Z", content: "" }, "unknown_section"],
  [
    "an occurrence that is not there",
    T,
    { kind: "replace_section", section: "A", occurrence: 2, content: "" },
    "unknown_section",
  ],
  [
    "a heading that is there twice",
    "# A\n# A\n",
    { kind: "replace_section", section: "A", content: "" },
    "ambiguous_target",
  ],
  [
    "content with a heading that ends the section",
    T,
    { kind: "replace_section", section: "S", content: "x\n\n## X" },
    "bad_input",
  ],
  ["a task that is not there", "- [ ] 1.1 a\n", { kind: "set_task", task: "1.2", done: true }, "unknown_section"],
  [
    "a task that is there twice",
    "- [ ] 1.1 a\n- [ ] 1.1 b\n",
    { kind: "set_task", task: "1.1", done: true },
    "ambiguous_target",
  ],
  ["text that is not there", T, { kind: "replace_text", find: "zzz", replace: "" }, "unknown_section"],
  ["text that is there twice", "aaa", { kind: "replace_text", find: "aa", replace: "" }, "ambiguous_target"],
  ["no text to find", T, { kind: "replace_text", find: "", replace: "x" }, "bad_input"],
  ["broken front matter", "---\na: [\n---\n", { kind: "set_front_matter", key: "a", value: 1 }, "bad_front_matter"],
  ["a key with a line end", T, { kind: "set_front_matter", key: "a\nb", value: 1 }, "bad_input"],
  ["a value that is nothing", T, { kind: "set_front_matter", key: "a", value: undefined }, "bad_input"],
])("refuses %s", (_name, text, wrong, code) => {
  expect(() => applyEdit(text, wrong, "a.md")).toThrow(expect.objectContaining({ code }));
});

test("a requirement or scenario is found by its name alone, unless a heading has that name or two do", () => {
  const spec = "## Requirements\n\n### Requirement: Fast\n\nx\n\n#### Scenario: Slow\n\ny\n";
  const replace = (text: string, section: string) => edit(text, "replace_section", { section, content: "new" });
  expect(replace(spec, "Slow")).toBe(spec.replace("y", "new"));
  expect(replace(`${spec}\n## Slow\n\nz\n`, "Slow")).toBe(`${spec}\n## Slow\n\nnew\n`);
  expect(() => replace(`${spec}\n#### Scenario: Fast\n\nz\n`, "Fast")).toThrow(/fits 2 sections/);
});

test("a refusal says what there is", () => {
  expect(() => edit(T, "replace_section", { section: "Z", content: "" })).toThrow(
    expect.objectContaining({ details: { candidates: ["T", "T > A", "T > A > S", "T > B", "T > C"] } }),
  );
  expect(() => edit("# A\n\n# A\n", "replace_section", { section: "A", content: "" })).toThrow(
    expect.objectContaining({
      details: {
        places: [
          { section: "A", line: 1 },
          { section: "A", line: 3 },
        ],
      },
    }),
  );
  expect(edit("# A\n\n# A\n\nx\n", "replace_section", { section: "A", occurrence: 2, content: "y" })).toBe(
    "# A\n\n# A\n\ny\n",
  );
});

test("a task is found by number, by text and by text without number; `[]` can be ticked", () => {
  const text = "- [ ] 1.1 First\n- [] Second\n- [ x ] 1.3 Third\n";
  expect(edit(text, "set_task", { task: "1.1", done: true })).toBe(text.replace("[ ]", "[x]"));
  expect(edit(text, "set_task", { task: "First", done: true })).toBe(text.replace("[ ]", "[x]"));
  expect(edit(text, "set_task", { task: "Second", done: true })).toBe(text.replace("[]", "[x]"));
  expect(edit(text, "set_task", { task: "1.3 Third", done: false })).toBe(text.replace("[ x ]", "[   ]"));
  expect(edit(text, "set_task", { task: "1.1", done: false })).toBe(text);
});

const FRONT =
  "---\n# c\na: 1 # one\nb:\n  - x # y\n  - z\nc: |\n  hello\nd: # note\n  k: v\ne: [p, q]\nf:\ng: 'q'\n---\nbody";

test.each<[string, unknown, string, string]>([
  ["a", "two, #3", "a: 1 #", 'a: "two, #3" #'],
  ["b", ["p", "q: r"], "  - x # y\n  - z", '  - p\n  - "q: r"'],
  ["b", "s", "b:\n  - x # y\n  - z", "b: s"],
  ["c", "x\ny", "c: |\n  hello", 'c: "x\\ny"'],
  ["d", { k: 1 }, "d: # note\n  k: v", "d: {k: 1} # note"],
  ["e", ["1", 2], "[p, q]", '["1", 2]'],
  ["f", true, "f:", "f: true"],
  ["g", "it's", "'q'", "it's"],
  ["g", null, "'q'", "null"],
  ["new", "n", "g: 'q'\n", "g: 'q'\nnew: n\n"],
])("front matter key %s is set to %j and all else stays", (key, value, old, now) => {
  const result = edit(FRONT, "set_front_matter", { key, value });
  expect(result).toBe(FRONT.replace(old, now));
  expect(readFrontMatter(result, "a.md").data[key]).toEqual(value);
});

test("front matter is added where there is none, and kept in braces where it is", () => {
  expect(edit("body\r\n", "set_front_matter", { key: "a", value: 1 })).toBe("---\r\na: 1\r\n---\r\n\r\nbody\r\n");
  expect(edit("---\n{a: 1, b: 2}\n---\n", "set_front_matter", { key: "a", value: "x, y" })).toBe(
    '---\n{a: "x, y", b: 2}\n---\n',
  );
});

test("any value can be set and is read back, whatever else there is", () => {
  const value = fc.oneof(
    fc.string(),
    fc.integer(),
    fc.boolean(),
    fc.array(fc.string(), { maxLength: 3 }),
    fc.dictionary(fc.string({ minLength: 1 }), fc.string(), { maxKeys: 3 }),
  );
  fc.assert(
    fc.property(fc.constantFrom("a", "b", "c", "d", "e", "f", "g", "new"), value, (key, wanted) => {
      let result;
      try {
        result = edit(FRONT, "set_front_matter", { key, value: wanted });
      } catch (error) {
        // What cannot be spliced safely is refused; it is never written wrongly.
        return (error as { code?: string }).code === "bad_front_matter";
      }
      const { data } = readFrontMatter(result, "a.md");
      const before = readFrontMatter(FRONT, "a.md").data;
      expect({ ...data, [key]: null }).toEqual({ ...before, [key]: null });
      expect(JSON.parse(JSON.stringify(data[key]))).toEqual(JSON.parse(JSON.stringify(wanted)));
      return result.endsWith("---\nbody") && result.startsWith("---\n# c\n");
    }),
    { numRuns: 1000 },
  );
});

test("several edits are applied in order, each on what the one before left", () => {
  const edits: DocumentEdit[] = [
    { kind: "append_to_section", section: "A", content: "### New" },
    { kind: "append_to_section", section: "New", content: "text of new" },
  ];
  expect(applyEdits(T, edits, "a.md")).toContain("### New\n\ntext of new\n");
});

let documents: RealDocument[] = [];
beforeAll(async () => {
  documents = [...ownDocuments(), ...(await realDocuments())].filter(({ text }) => text.length > 0);
});

/** A document as somebody else would have saved it. */
const DRESSES: ((text: string) => string)[] = [
  (text) => text,
  (text) => text.replaceAll(/\r?\n/g, "\r\n"),
  (text) => `\uFEFF${text}`,
  (text) => text.replaceAll("e", "永"),
  (text) => text.trimEnd(),
];

/** Longest common beginning and end of two texts, without overlap. */
function around(before: string, after: string): { head: number; tail: number } {
  const limit = Math.min(before.length, after.length);
  let head = 0;
  while (head < limit && before[head] === after[head]) head += 1;
  let tail = 0;
  while (tail < limit - head && before.at(-1 - tail) === after.at(-1 - tail)) tail += 1;
  return { head, tail };
}

test("every kind of section edit of real documents leaves all bytes outside the section as they were", () => {
  const content = fc.constantFrom("plain", "two\nlines", "- item", "中文\r\nx", "```\ncode\n```", "");
  const kinds = fc.constantFrom("replace_section" as const, "append_to_section" as const);
  fc.assert(
    fc.property(
      fc.tuple(fc.nat(), fc.nat()),
      fc.constantFrom(...DRESSES),
      content,
      kinds,
      ([which, place], dress, content, kind) => {
        const text = dress(documents[which % documents.length]?.text ?? "");
        const bom = text.startsWith("\uFEFF") ? 1 : 0;
        const sections = scanSections(text).filter(({ level, heading }) => level > 0 && heading !== "");
        const section = sections[place % Math.max(1, sections.length)];
        if (!section) return true;
        const occurrence = sections.filter(({ heading }) => heading === section.heading).indexOf(section) + 1;
        const after = applyEdit(text, { kind, section: section.heading, occurrence, content }, "a.md");
        const start = text.slice(0, bom + section.start);
        const end = text.slice(bom + section.end);
        const untouched = after.startsWith(start) && after.endsWith(end) && after.length >= start.length + end.length;
        const written = after.slice(start.length, after.length - end.length);
        const mixed = text.includes("\r\n") && !/(^|[^\r])\n/.test(text) && /(^|[^\r])\n/.test(written);
        return untouched && !mixed;
      },
    ),
    { numRuns: 1500 },
  );
});

test("ticking any task of real documents changes one character", () => {
  fc.assert(
    fc.property(fc.nat(), fc.nat(), fc.constantFrom(...DRESSES), (which, place, dress) => {
      const withTasks = documents.filter(({ text }) => /\[[ x]\]/.test(text));
      const text = dress(withTasks[which % withTasks.length]?.text ?? "");
      const tasks = scanTasks(text).filter(
        (task, _index, all) => all.filter(({ text }) => text === task.text).length === 1,
      );
      const task = tasks[place % Math.max(1, tasks.length)];
      if (!task || task.number !== null) return true;
      const after = applyEdit(text, { kind: "set_task", task: task.text, done: !task.done }, "a.md");
      const { head, tail } = around(text, after);
      return head + tail === text.length - task.markLength && after.length === text.length + 1 - task.markLength;
    }),
    { numRuns: 500 },
  );
});

test("replacing text and setting front matter of real documents leave everything around as it was", () => {
  fc.assert(
    fc.property(fc.nat(), fc.nat(), fc.constantFrom(...DRESSES), (which, place, dress) => {
      const text = dress(documents[which % documents.length]?.text ?? "");
      const find = text.slice(place % text.length, (place % text.length) + 40);
      if (find === "" || /[\r\n\uFEFF\uD800-\uDFFF]/.test(find) || text.indexOf(find) !== text.lastIndexOf(find))
        return true;
      const at = text.indexOf(find);
      expect(applyEdit(text, { kind: "replace_text", find, replace: "永$&" }, "a.md")).toBe(
        `${text.slice(0, at)}永$&${text.slice(at + find.length)}`,
      );
      const body = text.replace(/^\uFEFF/, "").slice(readFrontMatter(text, "a.md").bodyStart);
      return applyEdit(text, { kind: "set_front_matter", key: "reviewed", value: "yes" }, "a.md").endsWith(body);
    }),
    { numRuns: 1000 },
  );
});
