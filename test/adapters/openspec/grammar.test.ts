import { globSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { matcher, parseDelta, parseSpec, parseTasks, withoutTicks } from "../../../src/adapters/openspec/index.ts";
import { scenario } from "../../helpers/scenario.ts";
import { REAL_REPOSITORIES, realRepositoriesMissing, realFiles } from "../../helpers/repository.ts";

const dist = resolve(import.meta.dirname, "../../../node_modules/@fission-ai/openspec/dist");

interface Block {
  name: string;
  raw: string;
}
interface Theirs {
  parseDeltaSpec(text: string): {
    added: Block[];
    modified: Block[];
    removed: string[];
    renamed: { from: string; to: string }[];
    orphanedRequirements: { name: string; line: number }[];
    unpairedRenames: { side: string; name: string; line: number }[];
  };
  extractRequirementsSection(text: string): { bodyBlocks: Block[] };
}

/** OpenSpec's own readers: the reference for ours. */
async function theirs(): Promise<Theirs & { parseTaskLines(text: string): { done: boolean; description: string }[] }> {
  const blocks = (await import(pathToFileURL(join(dist, "core/parsers/requirement-blocks.js")).href)) as Theirs;
  const tasks = (await import(pathToFileURL(join(dist, "utils/task-progress.js")).href)) as {
    parseTaskLines(text: string): { done: boolean; description: string }[];
  };
  return { ...blocks, ...tasks };
}

/** Cut out of the file by its offsets, every part is what was read. */
function cuttable(content: string): void {
  const text = content.replace(/^\uFEFF/, "");
  const cut = ({ start, end }: { start: number; end: number }) =>
    text
      .slice(start, end)
      .replaceAll(/\r\n|\r/g, "\n")
      .trimEnd();
  const lineAt = (offset: number) => text.slice(0, offset).split(/\r\n|\r|\n/).length;
  const [spec, delta] = [parseSpec(content), parseDelta(content)];
  for (const block of [...spec.requirements, ...delta.added, ...delta.modified]) {
    expect(cut(block)).toBe(block.raw);
    expect([lineAt(block.start), lineAt(block.end)]).toEqual([block.line, block.endLine]);
    expect(text.slice(block.end, block.blockEnd).trim()).toBe("");
    expect(lineAt(block.bodyStart)).toBe(
      block.raw.includes("\n") || block.blockEnd > block.end ? block.line + 1 : block.line,
    );
    for (const scenario of block.scenarios) {
      expect(cut(scenario)).toBe(scenario.raw);
      expect(scenario.raw).toMatch(/^####\s/);
      expect([lineAt(scenario.start), lineAt(scenario.end)]).toEqual([scenario.line, scenario.endLine]);
      expect(scenario.start >= block.bodyStart && scenario.end <= block.end).toBe(true);
    }
  }
  for (const { operation, start, bodyStart, end, blockEnd } of delta.sections) {
    expect(text.slice(start, bodyStart).trim().toUpperCase()).toMatch(new RegExp(`^##\\s+${operation} REQUIREMENTS$`));
    expect(text.slice(end, blockEnd).trim()).toBe("");
    expect(blockEnd === text.length || /^##\s/.test(text.slice(blockEnd))).toBe(true);
  }
  for (const { name, ...range } of delta.removed) expect(cut(range).split("\n")[0]).toContain(name);
  for (const rename of delta.renamed) {
    expect(cut(rename)).toContain(rename.from);
    expect(cut(rename).split("\n").at(-1)).toContain(rename.to);
  }
  for (const { box, done, start, end, text: task } of parseTasks(content)) {
    expect(/^[xX]$/.test(text.slice(box.start, box.end).trim())).toBe(done);
    expect(text.slice(box.start - 1, box.start) + text.slice(box.end, box.end + 1)).toBe("[]");
    expect(text.slice(start, end)).toContain(task);
  }
}

function same(text: string, reference: Awaited<ReturnType<typeof theirs>>): void {
  const short = (blocks: Block[]) => blocks.map(({ name, raw }) => [name, raw]);
  const [ours, delta] = [parseDelta(text), reference.parseDeltaSpec(text)];
  expect(short(ours.added)).toEqual(short(delta.added));
  expect(short(ours.modified)).toEqual(short(delta.modified));
  expect(ours.removed.map(({ name }) => name)).toEqual(delta.removed);
  expect(ours.renamed.map(({ from, to }) => [from, to])).toEqual(delta.renamed.map(({ from, to }) => [from, to]));
  expect(ours.orphaned.map(({ name, line }) => [name, line])).toEqual(
    delta.orphanedRequirements.map(({ name, line }) => [name, line]),
  );
  expect(ours.unpaired.map(({ side, line }) => [side, line]).sort()).toEqual(
    delta.unpairedRenames.map(({ side, line }) => [side, line]).sort(),
  );
  expect(short(parseSpec(text).requirements)).toEqual(short(reference.extractRequirementsSection(text).bodyBlocks));
  expect(parseTasks(text).map(({ done, text: task }) => [done, task])).toEqual(
    reference.parseTaskLines(text).map(({ done, description }) => [done, description]),
  );
}

if (realRepositoriesMissing) console.warn(realRepositoriesMissing);

test.skipIf(realRepositoriesMissing).each(REAL_REPOSITORIES)(
  "reads every file of %s as OpenSpec does",
  async (name) => {
    const repository = await realFiles(name);
    onTestFinished(() => repository[Symbol.asyncDispose]());
    const reference = await theirs();
    const files = globSync("openspec/**/*.md", { cwd: repository.path });
    expect(files.length).toBeGreaterThan(50);
    for (const file of files) {
      const text = readFileSync(join(repository.path, file), "utf8");
      same(text, reference);
      cuttable(text);
    }
  },
);

const PIECE = fc.constantFrom(
  "## ADDED Requirements\n",
  "## MODIFIED requirements  \n",
  "## ADDED  Requirements\n",
  "## REMOVED Requirements\r\n",
  "## RENAMED Requirements\n",
  "## Requirements\n",
  "## Notes\n",
  "### Requirement: A ###\n",
  "###Requirement:B#\n",
  "### requirement:  C  \n",
  "### Requirement:\n",
  "### Other\n",
  " ### Requirement: indented\n",
  "#### Scenario: s\n",
  "- **WHEN** a\n",
  "```\n",
  "~~~~ x\n",
  "````\n",
  "- FROM: `### Requirement: A`\n",
  "* TO: ### Requirement: B\n",
  "- `### Requirement: D`\n",
  "- [ ] 1.1 a\n",
  "  1) [X] b\r\n",
  "- [~] c\n",
  "- [](x)\n",
  "- [ ](x)\n",
  "- [a][b]\n",
  "+ [ x ] d\n",
  "- [WIP] e\n",
  "### Requirement: \u767b\u5f55\r",
  "\u{1F511} \u5931\u8d25\r\n",
  "### Requirement: \u767b\u5f55\r",
  "\u{1F511} \u5931\u8d25\r\n",
  "\n",
  "text\n",
  "\uFEFF",
);

scenario("changes", "Every part can be cut out of the file", () => {
  const texts = fc.array(PIECE, { maxLength: 30 }).map((pieces) => pieces.join(""));
  fc.assert(fc.property(texts, cuttable), { numRuns: 2_000 });
  const text =
    "\uFEFF## ADDED Requirements\r\n\r\n### Requirement: \u767b\u5f55 \u{1F511}\r\nIt SHALL.\r\n\r\n#### Scenario: \u5931\u8d25\r\n- **WHEN** a\r\n\r\n## REMOVED Requirements\r\n- `### Requirement: Old`\r\n";
  cuttable(text);
  const [file, { added, removed, sections }] = [text.slice(1), parseDelta(text)];
  expect(file.slice(added[0]!.start, added[0]!.end)).toBe(
    "### Requirement: \u767b\u5f55 \u{1F511}\r\nIt SHALL.\r\n\r\n#### Scenario: \u5931\u8d25\r\n- **WHEN** a",
  );
  expect(file.slice(added[0]!.scenarios[0]!.start, added[0]!.blockEnd)).toBe(
    "#### Scenario: \u5931\u8d25\r\n- **WHEN** a\r\n\r\n",
  );
  expect(file.slice(removed[0]!.start, removed[0]!.end)).toBe("- `### Requirement: Old`");
  expect(file.slice(sections[1]!.bodyStart)).toBe("- `### Requirement: Old`\r\n");
});

test("reads made-up files as OpenSpec does", async () => {
  const reference = await theirs();
  fc.assert(
    fc.property(fc.array(PIECE, { maxLength: 25 }), (pieces) => same(pieces.join(""), reference)),
    { numRuns: 1500 },
  );
});

test("gives lines, statements, scenarios and numbers", () => {
  const text =
    "\uFEFF# T\r\n\r\n## Purpose\r\nFor all.\r\n\r\n## Requirements\r\n\r\n### Requirement: One\r\n**Id**: 1\r\nIt SHALL\r\nwork.\r\n\r\n#### Scenario: s\r\n- **WHEN** a\r\n\r\n#### Scenario: empty\r\n\r\n";
  const { purpose, requirements } = parseSpec(text);
  expect(purpose).toBe("For all.");
  expect(requirements).toMatchObject([
    { name: "One", line: 8, endLine: 16, text: "It SHALL\nwork.", scenarios: [{ name: "s", line: 13 }] },
  ]);
  expect(parseTasks("\uFEFF## 1. A\r\n\r\n- [x] 1.2 b\r\n- [ ] 10.1a c\n- [ ] 2 d\n")).toEqual([
    { number: "1.2", text: "1.2 b", done: true, line: 3, start: 11, end: 22, box: { start: 14, end: 15 } },
    { number: "10.1a", text: "10.1a c", done: false, line: 4, start: 24, end: 37, box: { start: 27, end: 28 } },
    { number: null, text: "2 d", done: false, line: 5, start: 38, end: 47, box: { start: 41, end: 42 } },
  ]);
  expect(withoutTicks("- [x] a\n- [ X ] b\n- [y] c\ntext [x]\n")).toBe("- [ ] a\n- [ ] b\n- [y] c\ntext [x]\n");
});

// Quadratic work on these lines takes minutes, which the time limit of the test tells from linear work.
test("stays linear on hostile lines", { timeout: 30_000 }, () => {
  const spaces = " ".repeat(400_000);
  for (const line of [
    `- [${spaces}`,
    `- [ ${spaces}x`,
    `### Requirement: a${spaces}#`,
    `### Requirement: ${"# ".repeat(200_000)}`,
    `${spaces}\`\`\``,
  ]) {
    const text = `## ADDED Requirements\n${line}\n${line}\n`;
    expect(parseDelta(text).sections.map(({ operation }) => operation)).toEqual(["ADDED"]);
    expect(parseSpec(text).purpose).toBeNull();
    parseTasks(text);
    withoutTicks(text);
  }
});

test("globs of schemas", () => {
  const fits = (pattern: string, path: string) => matcher(pattern)(path);
  expect(fits("specs/**/*.md", "specs/a/b/spec.md")).toBe(true);
  expect(fits("specs/**/*.md", "specs/spec.md")).toBe(true);
  expect(fits("specs/**/*.md", "specs.md")).toBe(false);
  expect(fits("loop/*.md", "loop/a/b.md")).toBe(false);
  expect(fits("{plan,task}.m?", "task.md")).toBe(true);
  expect(fits("a+(b).md", "a+(b).md")).toBe(true);
  expect(fits("./tasks.md", "tasks.md")).toBe(true);
  expect(fits("*a".repeat(40) + "b", "a".repeat(255))).toBe(false);
});
