import fc from "fast-check";
import { expect, test } from "vitest";
import { readFrontMatter, scanSections, scanTasks } from "../../../src/adapters/markdown/index.ts";

const document = "---\na: 1\n---\nintro\n\n# Top\n\ntext\n\n## Why\n\nold\n\n### Deep\n\nx\n\n## Why\n\nagain\n";

test("sections have paths, occurrences, offsets and lines", () => {
  const sections = scanSections(document);
  const shown = sections.map(({ path, level, occurrence, start, end }) => [
    path.join(" > "),
    level,
    occurrence,
    document.slice(start, end),
  ]);
  expect(shown).toEqual([
    ["", 0, 1, "intro\n\n"],
    ["Top", 1, 1, document.slice(document.indexOf("# Top"))],
    ["Top > Why", 2, 1, "## Why\n\nold\n\n### Deep\n\nx\n\n"],
    ["Top > Why > Deep", 3, 1, "### Deep\n\nx\n\n"],
    ["Top > Why", 2, 2, "## Why\n\nagain\n"],
  ]);
  const [, , why] = sections;
  expect(document.slice(why?.bodyStart, why?.ownEnd)).toBe("\nold\n\n");
  expect([why?.startLine, why?.endLine]).toEqual([10, 17]);
});

test("offsets count from behind a byte order mark", () => {
  expect(scanSections(`\uFEFF${document}`)).toEqual(scanSections(document));
  expect(scanTasks("\uFEFF- [ ] a")).toEqual(scanTasks("- [ ] a"));
  expect(readFrontMatter(`\uFEFF${document}`, "a.md")).toEqual(readFrontMatter(document, "a.md"));
});

test("sections follow each other without gap or overlap in any text", () => {
  const line = fc.constantFrom(
    "# a",
    "## b",
    "### c",
    "text",
    "===",
    "---",
    "- x",
    "  # y",
    "```",
    "",
    "> q",
    "<!--",
    "-->",
    "\t# z",
    "| a |",
    "<div>",
    "1. n",
    "界",
  );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 30 }), fc.constantFrom("\n", "\r\n", "\r"), (lines, lineEnd) => {
      const text = lines.join(lineEnd);
      const sections = scanSections(text);
      for (const [index, section] of sections.entries()) {
        const next = sections[index + 1];
        if (section.ownEnd !== (next?.start ?? text.length) && section.level > 0) return false;
        if (
          !(section.start <= section.bodyStart && section.bodyStart <= section.ownEnd && section.ownEnd <= section.end)
        )
          return false;
        if (section.level > 0 && section.path.at(-1) !== section.heading) return false;
      }
      return true;
    }),
    { numRuns: 2000 },
  );
});

/** OpenSpec 1.13's own expression; ours must say the same without its quadratic time. */
const OPENSPEC_TASK = /^\s*(?:[-*+]|\d{1,9}[.)])\s*\[(?:\s*([^\]\s]?)\s*\](?![([])|\s+\])\s*(.*)/;

test("tasks are the lines that OpenSpec's expression takes", () => {
  const piece = fc.constantFrom(
    "-",
    "*",
    "+",
    "1.",
    "12)",
    " ",
    "  ",
    "[",
    "]",
    "[ ]",
    "[x]",
    "[X]",
    "[~]",
    "[]",
    "(",
    "text",
    "\t",
    "x",
    "[✓]",
    "😀",
    "1.2 Do",
    "[ x ]",
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
      const line = pieces.join("");
      const match = OPENSPEC_TASK.exec(line);
      const [task] = scanTasks(line);
      if (!match) return task === undefined;
      return (
        task !== undefined && task.done === /^x$/i.test(match[1] ?? "") && task.text === (match[2] ?? "").trimEnd()
      );
    }),
    { numRuns: 5000 },
  );
});

test("a task tells its number, text, line and mark", () => {
  const text =
    "## 1. Build\r\n\r\n- [ ] 1.1 First\r\n- [x] 1.2a Second \r\n* [] no number\r\n1. [X] 3 times\r\n- [ ] 4. dotted\r\n> - [ ] quoted\r\n- [WIP] no\r\n- [a](link)\r\n";
  const tasks = scanTasks(text);
  expect(tasks.map(({ number, text, done, line }) => [number, text, done, line])).toEqual([
    ["1.1", "1.1 First", false, 3],
    ["1.2a", "1.2a Second", true, 4],
    [null, "no number", false, 5],
    [null, "3 times", true, 6],
    ["4", "4. dotted", false, 7],
  ]);
  expect(tasks.map(({ markOffset, markLength }) => text.slice(markOffset, markOffset + markLength))).toEqual([
    " ",
    "x",
    "",
    "X",
    " ",
  ]);
});

test("hostile documents are scanned in a time that grows with their size only", () => {
  const many = 200_000;
  const hostile = [
    " ".repeat(many),
    `- [${" ".repeat(many)}`,
    "> ".repeat(many / 2),
    "- ".repeat(many / 2),
    "+ ".repeat(many / 2),
    "#".repeat(many),
    "# \n".repeat(many / 3),
    `# ${"#".repeat(many)} x`,
    `<${"a".repeat(many)}`,
    `<a ${" ".repeat(many)}`,
    `[${"a".repeat(many)}`,
    "|".repeat(many),
    "a\n".repeat(many / 2),
    `---\n${"-".repeat(many)}`,
    "`".repeat(many),
    "- a\n  ".repeat(many / 6),
  ];
  for (const text of hostile) {
    scanSections(text);
    scanTasks(text);
  }
  // The test's own time limit is the assertion: any quadratic step here takes minutes.
  expect(hostile).not.toEqual([]);
}, 20_000);

test.each([
  ["broken YAML", "---\na: [1\n---\n", 3],
  ["a tab as indentation", "---\na:\n\t- b\n---\n", 3],
  ["a list", "---\n- a\n---\n", 2],
  ["a sentence", "---\njust text\n---\n", 2],
  ["a key twice", "---\na: 1\nb: 2\na: 3\n---\n", 4],
  ["a nested key twice", "---\nx:\n  a: 1\n  a: 2\n---\n", 4],
  ["an alias", "---\na: &x 1\nb: *x\n---\n", 3],
  ["conflict markers", "---\n<<<<<<< HEAD\na: 1\n=======\na: 2\n>>>>>>> x\n---\n", 2],
])("front matter with %s is refused with its line", (_name, text, line) => {
  expect(() => readFrontMatter(text, "a.md")).toThrow(
    expect.objectContaining({ code: "bad_front_matter", target: `a.md:${line}` }),
  );
});

test("front matter that is too large, too deep or a bomb is refused soon", () => {
  const bombs = [
    `---\na: ${"x".repeat(70_000)}\n---\n`,
    `---\na: ${"[".repeat(20_000)}\n---\n`,
    `---\na: ${"] ".repeat(30_000)}\n---\n`,
    `---\n${"- a: ".repeat(12_000)}\n---\n`,
    `---\na: &a [x]\nb: &b [*a, *a]\nc: [*b, *b]\n---\n`,
  ];
  for (const text of bombs)
    expect(() => readFrontMatter(text, "a.md")).toThrow(expect.objectContaining({ code: "bad_front_matter" }));
  const keys = Array.from({ length: 1000 }, (_, index) => `k${index}: 1`).join("\n");
  expect(Object.keys(readFrontMatter(`---\n${keys}\n---\n`, "a.md").data)).toHaveLength(1000);
});

test("front matter cannot reach the prototype", () => {
  const { data } = readFrontMatter("---\n__proto__:\n  polluted: true\nconstructor: 1\n---\n", "a.md");
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  expect(Object.hasOwn(data, "constructor")).toBe(true);
});
