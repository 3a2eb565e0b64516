import fc from "fast-check";
import { expect, test } from "vitest";
import { matchLines, mergeBlocks, saysTheSame } from "../../../src/adapters/openspec/index.ts";

const HEADER = "### Requirement: Sign in";

/** A block with this statement and scenarios `name: step, step`. */
function block(statement: string[], scenarios: Record<string, string[]> = {}): string {
  const units = Object.entries(scenarios).map(([name, steps]) => `\n#### Scenario: ${name}\n${steps.join("\n")}`);
  return [HEADER, ...statement, ...units].join("\n");
}

const GOOD = ["- **WHEN** right", "- **THEN** in"];

test("what only one side did is in the result", () => {
  const base = block(["One.", "Two.", "Three."], { good: GOOD });
  const theirs = block(["One!", "Two.", "Three."], { good: GOOD, bad: ["- **THEN** out"] });
  const ours = block(["One.", "Two.", "Three."], { first: ["- **THEN** x"], good: [...GOOD, "- **AND** greeted"] });
  expect(mergeBlocks({ base, theirs, ours })).toEqual({
    text: block(["One!", "Two.", "Three."], {
      first: ["- **THEN** x"],
      good: [...GOOD, "- **AND** greeted"],
      bad: ["- **THEN** out"],
    }),
    conflicts: [],
  });
});

test("two versions of one sentence, and of one scenario, are conflicts", () => {
  const base = block(["One.", "Two."], { good: ["- a", "- b", "- c"] });
  const theirs = block(["One.", "Two!"], { good: ["- A", "- b", "- c"] });
  const ours = block(["One.", "Two?"], { good: ["- a", "- b", "- C"] });
  expect(mergeBlocks({ base, theirs, ours })).toEqual({
    text: null,
    conflicts: [
      { scenario: null, base: "Two.", theirs: "Two!", ours: "Two?" },
      {
        scenario: "good",
        base: "#### Scenario: good\n- a\n- b\n- c",
        theirs: "#### Scenario: good\n- A\n- b\n- c",
        ours: "#### Scenario: good\n- a\n- b\n- C",
      },
    ],
  });
});

test("a side that did what the other did, and more, is no conflict", () => {
  const base = block(["One."]);
  const theirs = block(["One.", "Two."]);
  const ours = block(["One.", "Two.", "Three."]);
  expect(mergeBlocks({ base, theirs, ours }).text).toBe(ours);
  expect(mergeBlocks({ base, theirs: ours, ours: theirs }).text).toBe(ours);
});

test("a renamed scenario is followed; a removed one that the other side changed is a conflict", () => {
  const base = block(["One."], { good: GOOD, bad: ["- out"] });
  const renamed = block(["One."], { "right password": GOOD, bad: ["- out"] });
  const changed = block(["One."], { good: [...GOOD, "- greeted"], bad: ["- out"] });
  const both = block(["One."], { "right password": [...GOOD, "- greeted"], bad: ["- out"] });
  expect(mergeBlocks({ base, theirs: renamed, ours: changed }).text).toBe(both);
  expect(mergeBlocks({ base, theirs: changed, ours: renamed }).text).toBe(both);
  const removed = block(["One."], { bad: ["- out"] });
  expect(mergeBlocks({ base, theirs: changed, ours: removed }).conflicts).toMatchObject([
    { scenario: "good", ours: null },
  ]);
  expect(mergeBlocks({ base, theirs: removed, ours: changed }).conflicts).toMatchObject([
    { scenario: "good", theirs: null },
  ]);
  expect(mergeBlocks({ base, theirs: base, ours: removed }).text).toBe(removed);
  const other = block(["One."], { "good password": GOOD, bad: ["- out"] });
  expect(mergeBlocks({ base, theirs: renamed, ours: other }).conflicts).toHaveLength(1);
});

test("one name for two scenarios is a conflict", () => {
  const base = block(["One."], { good: GOOD });
  const theirs = block(["One."], { fast: GOOD });
  const ours = block(["One."], { good: GOOD, fast: ["- another"] });
  expect(mergeBlocks({ base, theirs, ours }).text).toBeNull();
});

test("headings in code, steps that two scenarios share, Chinese and a thousand lines", () => {
  const fence = ["One.", "```md", "#### Scenario: no scenario", "```"];
  const base = block(fence, { 登录: ["- **当** 密码正确", "- **则** 登录"], out: ["- **则** 登录"] });
  const theirs = block(fence, { 登录: ["- **当** 密码正确", "- **则** 登录", "- 并记录"], out: ["- **则** 登录"] });
  const ours = block([...fence, "必须加密。"], {
    登录: ["- **当** 密码正确", "- **则** 登录"],
    out: ["- **则** 登录"],
  });
  expect(mergeBlocks({ base, theirs, ours }).text).toBe(
    block([...fence, "必须加密。"], {
      登录: ["- **当** 密码正确", "- **则** 登录", "- 并记录"],
      out: ["- **则** 登录"],
    }),
  );
  const many = Array.from({ length: 1000 }, (_, at) => `Sentence ${at}.`);
  const merged = mergeBlocks({
    base: block(many),
    theirs: block(many.with(10, "Theirs.")),
    ours: block(many.with(990, "Ours.")),
  });
  expect(merged.text).toBe(block(many.with(10, "Theirs.").with(990, "Ours.")));
});

test("blocks that are made to take long end as a conflict, or as the side that changed", () => {
  const many = (name: string) =>
    `${HEADER}\nOne.\n${Array.from({ length: 50_000 }, (_, at) => `#### ${name} ${at}\nx`).join("\n")}`;
  const [base, theirs, ours] = [many("a"), many("b"), many("c")];
  expect(mergeBlocks({ base, theirs, ours }).conflicts).toHaveLength(1);
  expect(mergeBlocks({ base, theirs: base, ours }).text).toBe(ours);
  expect(mergeBlocks({ base, theirs, ours: base }).text).toBe(theirs);
});

test("white space at the ends of lines and blank lines make no difference", () => {
  const base = block(["One.", "", "Two."], { good: GOOD });
  expect(saysTheSame(base, `${HEADER}\nOne.  \nTwo.\n\n\n#### Scenario: good\n${GOOD.join("  \n")}`)).toBe(true);
  const theirs = block(["One.", "Two.  "], { good: GOOD });
  const ours = block(["One.", "", "Two!"], { good: GOOD });
  expect(mergeBlocks({ base, theirs, ours }).text).toBe(ours);
});

const lines = fc.array(fc.constantFrom("a", "b", "c", "d", "e", "f"), { maxLength: 10 });

test("matching lines is a longest common subsequence", () => {
  fc.assert(
    fc.property(lines, lines, (a, b) => {
      const pairs = matchLines(a, b);
      for (const [x, y] of pairs) expect(a[x]).toBe(b[y]);
      for (const [at, [x, y]] of pairs.slice(1).entries()) expect(x > pairs[at]![0] && y > pairs[at]![1]).toBe(true);
      expect(pairs).toHaveLength(longest(a, b));
    }),
    { numRuns: 2000 },
  );
});

/** By the textbook: a table of all prefixes. */
function longest(a: string[], b: string[]): number {
  const table = Array.from({ length: a.length + 1 }, () => Array.from({ length: b.length + 1 }, () => 0));
  for (const [x, line] of a.entries()) {
    for (const [y, other] of b.entries()) {
      table[x + 1]![y + 1] = line === other ? table[x]![y]! + 1 : Math.max(table[x]![y + 1]!, table[x + 1]![y]!);
    }
  }
  return table[a.length]![b.length]!;
}

/** A side of a merge: some sentences are deleted, and new ones, which nobody else writes, are put in. */
const sideOf = (mark: string, base: string[]) =>
  fc.array(fc.nat({ max: 9 }), { minLength: base.length + 1, maxLength: base.length + 1 }).map((choices) =>
    choices.flatMap((choice, at) => {
      const sentence = base[at];
      const kept = sentence !== undefined && choice !== 1 ? [sentence] : [];
      return choice <= 1 ? [`${mark}${at}.`, ...kept] : choice === 2 ? [] : kept;
    }),
  );

test("a clean merge has every sentence that a side put in or both kept, and none that a side deleted", () => {
  const base = Array.from({ length: 6 }, (_, at) => `Base ${at}.`);
  const isStep = (sentence: string) => Number(/\d/.exec(sentence)?.[0]) >= 3;
  const inSteps = (sentences: string[]) =>
    block(
      sentences.filter((one) => !isStep(one)),
      { good: ["- **THEN** it", ...sentences.filter(isStep)] },
    );
  let clean = 0;
  fc.assert(
    fc.property(sideOf("Theirs ", base), sideOf("Ours ", base), fc.boolean(), (theirs, ours, steps) => {
      const make = steps ? inSteps : (sentences: string[]) => block(sentences);
      const { text, conflicts } = mergeBlocks({ base: make(base), theirs: make(theirs), ours: make(ours) });
      if (text === null) {
        expect(conflicts.length).toBeGreaterThan(0);
        return;
      }
      clean += 1;
      const wanted = [
        ...theirs.filter((one) => !base.includes(one)),
        ...ours.filter((one) => !base.includes(one)),
        ...base.filter((one) => theirs.includes(one) && ours.includes(one)),
      ];
      const merged = text.split("\n").filter((line) => /^(?:Base|Theirs|Ours) /.test(line));
      expect(merged.toSorted()).toEqual(wanted.toSorted());
      // A merge of which only the text was written, because the daemon died, needs no second one.
      const again = mergeBlocks({ base: make(base), theirs: make(theirs), ours: text });
      expect(again.text !== null && saysTheSame(again.text, text)).toBe(true);
    }),
    { numRuns: 5000 },
  );
  expect(clean).toBeGreaterThan(500);
});
