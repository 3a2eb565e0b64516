import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { figuresOf } from "../../src/question-router/evaluation/figures.ts";
import { parseLabelled } from "../../src/question-router/evaluation/labelled.ts";
import type { Measured } from "../../src/question-router/evaluation/measure.ts";
import { tools } from "../../src/question-router/index.ts";
import { evaluationView } from "../../src/cli/views/evaluation.ts";
import { Output } from "../../src/cli/output.ts";
import { scenario } from "../helpers/scenario.ts";
import { DOCUMENTS, never, person, startRouter } from "../question-router/harness.ts";

const CHECKOUT = "openspec/specs/checkout/spec.md";
const FILE = `question,kind,expected,answer
Within how many days is a returned bicycle refunded?,fact,${CHECKOUT}#Refund window,The shop SHALL refund a returned bicycle within 14 days of delivery.
"When does the nightly backup run, and how long is it kept?",,docs/operations.md | README.md#Install,
"Who repairs ""the"" tandem?",fact,,
How many vouchers does an order accept?,how_to,docs/operations.md#Backups,
`;

scenario("questions", "A person measures on questions of their own", async () => {
  await using shop = await startRouter({ files: DOCUMENTS });
  const tool = tools(shop.router).find(({ name }) => name === "question_evaluate")!;
  const rows = async () => [
    (await shop.core.read.selectFrom("questions").selectAll().execute()).length,
    (await shop.telemetry.read.selectFrom("question_asks").selectAll().execute()).length,
  ];
  const before = [await rows(), [...shop.told]];
  const output = await tool.run({ questions: parseLabelled(FILE) }, { principal: person, signal: never });
  expect(output).toMatchObject({
    questions: 4,
    answerable: 3,
    recallAt1: 2 / 3,
    recallAt5: 2 / 3,
    mrr: 2 / 3,
    now: { minScore: 0.55, right: 2, wrong: 1, unfounded: 0, declined: 1, precision: 2 / 3, coverage: 2 / 3 },
    misses: [{ question: "How many vouchers does an order accept?", outcome: "wrong", rank: null }],
  });
  expect(output["overlap"]).toBeGreaterThan(0.3);
  expect([await rows(), [...shop.told]]).toEqual(before);
  expect(tool.personOnly).toBe(true);
  expect(tool.render(output)).toContain("| 0.55 | 2 | 1 | 0 | 1 | 67 % | 67 % |");
  const plain = new Output({ json: false, color: false, stdout: process.stdout, stderr: process.stderr });
  const shown = evaluationView(output, plain, { misses: 5 });
  expect(shown).toMatch(/0\.55 +2 +1 +0 +1 +67 % +67 % +in force/);
  expect(shown).toContain("How many vouchers does an order accept? -> openspec/specs/checkout/spec.md");
});

test("labelled questions are read from CSV and JSONL alike", async () => {
  const fromCsv = parseLabelled(`\uFEFF${FILE.replaceAll("\n", "\r\n")}`);
  expect(fromCsv.map(({ question, kind, expected }) => [question, kind, expected.length])).toEqual([
    ["Within how many days is a returned bicycle refunded?", "fact", 1],
    ["When does the nightly backup run, and how long is it kept?", undefined, 2],
    ['Who repairs "the" tandem?', "fact", 0],
    ["How many vouchers does an order accept?", "how_to", 1],
  ]);
  expect(fromCsv[1]!.expected).toEqual([{ path: "docs/operations.md" }, { path: "README.md", heading: "Install" }]);
  const jsonl = fromCsv.map((one) => JSON.stringify(one)).join("\n");
  expect(parseLabelled(jsonl)).toEqual(fromCsv);
  expect(parseLabelled('{"question":"a b?","expected":["x.md#One # two"]}\n\n')).toEqual([
    { question: "a b?", expected: [{ path: "x.md", heading: "One # two" }] },
  ]);
});

test.each([
  ["", /holds no question/],
  ["question,expected\n", /holds no question/],
  ["q,e\na,b\n", /Line 1 .* begins with the names of its columns/],
  ['question,expected\na,"b\n', /Line 2 .* quotation mark is not closed/],
  ["question,expected\nok,a.md\n,b.md\n", /Line 3 .* question: /],
  ["question,kind,expected\na,why,b.md\n", /Line 2 .* kind: /],
  ['{"question":"a","expected":[]}\n{"question":', /Line 2 .* not JSON/],
  ['{"question":"a","expected":"b"}', /Line 1 .* no object with a list/],
  [`question,expected\n${"a,b\n".repeat(2001)}`, /2001 questions; 2000 can be measured/],
])("a file that cannot be used is refused with the line: %j", (text, message) => {
  expect(() => parseLabelled(text)).toThrow(message);
});

const measured = (
  expected: number,
  ranks: number[],
  answer: [confidence: number, right: boolean] | null,
): Measured => ({
  question: { question: "q", expected: Array.from({ length: expected }, (_none, at) => ({ path: `${at}.md` })) },
  rank: ranks[0] ?? null,
  ranks,
  answer: answer && { confidence: answer[0], right: answer[1], place: "p", overlap: null },
});

test("the figures are those of the textbooks", () => {
  const rows = [
    measured(1, [1], [0.9, true]),
    measured(2, [2, 4], [0.7, false]),
    measured(1, [], [0.3, false]),
    measured(1, [6], null),
    measured(0, [], [0.6, false]),
    measured(0, [], [0.1, false]),
  ];
  const figures = figuresOf(rows, { minScore: 0.5 });
  expect(figures).toMatchObject({ questions: 6, answerable: 4, recallAt1: 1 / 4, recallAt5: 2 / 4, overlap: null });
  expect(figures.mrr).toBeCloseTo((1 + 1 / 2 + 0 + 1 / 6) / 4);
  const two = (1 / Math.log2(3) + 1 / Math.log2(5)) / (1 + 1 / Math.log2(3));
  expect(figures.ndcg).toBeCloseTo((1 + two + 0 + 1 / Math.log2(7)) / 4);
  expect(figures.now).toEqual({
    minScore: 0.5,
    right: 1,
    wrong: 1,
    unfounded: 1,
    declined: 3,
    precision: 1 / 3,
    coverage: 1 / 4,
  });
  expect(figures.curve[0]).toMatchObject({ minScore: 0, right: 1, wrong: 2, unfounded: 2, declined: 1 });
  expect(figures.curve.at(-1)).toMatchObject({ minScore: 0.95, precision: null, coverage: 0 });
  expect(figures.reliability.map(({ answers, right }) => [answers, right])).toEqual([
    [1, 0],
    [1, 0],
    [0, 0],
    [2, 0],
    [1, 1],
  ]);
});

test("a file on the disk goes through the command line's reader", async () => {
  await using shop = await startRouter();
  const path = join(shop.repository.path, "labelled.csv");
  await writeFile(path, FILE);
  const { specloop } = await import("../helpers/command.ts");
  const { code, stderr } = await specloop(["questions", "evaluate", path, "--repo", shop.repository.path]);
  // No daemon runs there: the file was read and is in order, so that is all that is missing.
  expect([code, stderr]).toEqual([69, expect.stringContaining("Nobody listens on")]);
  const missing = await specloop(["questions", "evaluate", "none.csv", "--repo", shop.repository.path]);
  expect([missing.code, missing.stderr]).toEqual([64, expect.stringContaining("The file none.csv cannot be read.")]);
});
