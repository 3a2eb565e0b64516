import fc from "fast-check";
import { expect, test } from "vitest";
import { openSearchIndex } from "../../src/adapters/search/index.ts";
import { blocksOf } from "../../src/question-router/blocks.ts";
import { extract } from "../../src/question-router/extract.ts";
import { passagesOf } from "../../src/question-router/passages.ts";

function extracted(text: string, question: string): string {
  using index = openSearchIndex(":memory:");
  const [passage] = passagesOf(`# Requirement: Shop\n\n${text}\n`);
  index.replaceDocuments([{ path: "a.md", revision: "r", passages: [passage!] }]);
  return extract(passage!, index.weigh(question), index).text;
}

const filler = (count: number) =>
  Array.from({ length: count }, (_, at) => `Paragraph ${at} tells of other things, at some length and for long.`).join(
    "\n\n",
  );

test("a row of a table comes with its header, and rows of one table stay one table", () => {
  const rows = Array.from({ length: 40 }, (_, at) => `| part ${at} | some words about part number ${at} |`);
  const table = ["| what | meaning |", "| --- | --- |", ...rows, "| bell | rings |", "| tandem bell | rings twice |"];
  const text = extracted(`${filler(3)}\n\n${table.join("\n")}`, "What does the tandem bell mean?");
  expect(text).toContain("| what | meaning |\n| --- | --- |\n");
  expect(text).toContain("\n| bell | rings |\n| tandem bell | rings twice |");
  expect(text.match(/\| what \| meaning \|/g)).toHaveLength(1);
});

test("a scenario is given with all of its steps or not at all", () => {
  const scenario = (name: string, step: string) =>
    `#### Scenario: ${name}\n- **WHEN** ${step}\n- **THEN** it is so\n  and stays so\n- **AND** it is told`;
  const others = Array.from({ length: 12 }, (_, at) => scenario(`Other ${at}`, `something of number ${at} happens`));
  const text = extracted([filler(2), ...others, scenario("Bell", "the tandem bell rings")].join("\n\n"), "tandem bell");
  expect(text).toContain(scenario("Bell", "the tandem bell rings"));
  for (const part of text.split("…")) {
    const count = (pattern: RegExp) => part.match(pattern)?.length ?? 0;
    expect([count(/\*\*THEN\*\*/g), count(/\*\*AND\*\*/g)]).toEqual([count(/\*\*WHEN\*\*/g), count(/\*\*WHEN\*\*/g)]);
  }
});

test("code that is too long ends early, and still ends as code", () => {
  const code = ["```sh", ...Array.from({ length: 60 }, (_, at) => `ring --bell ${at} --of tandem # and go on`), "```"];
  const text = extracted(`${filler(2)}\n\n${code.join("\n")}`, "How is the tandem bell rung?");
  expect(text.match(/```/g)).toHaveLength(2);
  expect(text).toMatch(/```sh\nring --bell 0 .*\n[\s\S]*\n…\n```/);
});

test("every line of a text is in one block, in order, at its number", () => {
  const line = fc.constantFrom(
    "",
    "Words here.",
    "- item",
    "  more of it",
    "#### Scenario: A",
    "- **WHEN** x",
    "| a | b |",
    "| --- | --- |",
    "```",
    "# H",
    "1. one",
    "| c | d |",
  );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 40 }), (lines) => {
      const text = lines.join("\n");
      const blocks = blocksOf(text, 100_000);
      for (const block of blocks) expect(lines.slice(block.line, block.line + block.lines).join("\n")).toBe(block.text);
      expect(blocks.length > 0).toBe(text.trim() !== "");
      const covered = blocks.flatMap(({ line, lines: count, header }) => [
        ...(header === undefined ? [] : [line - 1]),
        ...Array.from({ length: count }, (_, at) => line + at),
      ]);
      const words = lines.flatMap((content, at) => (/[a-z]/i.test(content) ? [at] : []));
      const headers = lines.flatMap((content, at) => (content.startsWith("|") ? [at] : []));
      expect(words.filter((at) => !covered.includes(at) && !headers.includes(at))).toEqual([]);
    }),
  );
});
