import fc from "fast-check";
import { beforeAll, expect } from "vitest";
import { applyEdit } from "../../../src/adapters/markdown/index.ts";
import { SpecloopError } from "../../../src/foundation/errors.ts";
import { scenario } from "../../helpers/scenario.ts";
import { ownDocuments, realDocuments, type RealDocument } from "./documents.ts";
import * as requirementTargets from "./requirement-targets.ts";
import * as targets from "./targets.ts";

/** How often each kind of edit is tried on a random target. */
const RUNS = Number(process.env["SPECLOOP_TEST_EDITS"] ?? 150);

const { NEW: _new, lineEnd: _lineEnd, blankBefore: _blankBefore, ...partTargets } = targets;
const MAKERS: Record<string, targets.Maker> = { ...partTargets, ...requirementTargets };

/** What a document has that a kind of edit needs; the others are not tried in vain. */
function needs(name: string): RegExp {
  if (/Requirement|Scenario/.test(name)) return /^### Requirement:/m;
  if (/Task/.test(name)) return /\[[ x]\] (?!\d)/;
  if (/Cells|Row/.test(name)) return /^\|?[ :-]*-[ :-]*\|/m;
  if (/Item/.test(name)) return /^\s*[-*+] \w/m;
  return name.endsWith("Code") ? /```/ : /^/;
}

/** What is hard to edit, in one document. */
const HARD = [
  "---\n# note\ntitle: x\n---\n# 標題 😀\n\n```md\n# no heading\n- [ ] no item\n| a | b |\n```\n\n<!--\n# no\n- no\n-->\n",
  "Setext\n======\n\n- a\n  - b\n\n    ```\n    # no\n    ```\n  - c\n\n1) x\n\n2) y\n\n<div>\n# no\n</div>\n\n| k | v |\n|:--|--:|\n| a \\| b | `c` |\n| d | 你好 |\n",
  "> # no\n> - no\n\n*\titem with tab\n*\tsecond\n\n\t# code\n\n## Closed ##\n\n+ [ ] task\n+ [x] done\n",
];

let documents: RealDocument[] = [];
beforeAll(async () => {
  const hard = HARD.map((text, index) => ({ path: `hard-${index}.md`, text }));
  // Five times, so that the hard ones are met among the many others.
  documents = [...ownDocuments(), ...(await realDocuments()), ...Array.from({ length: 5 }, () => hard).flat()];
});

/** A document as somebody else would have saved it. */
const DRESSES: ((text: string) => string)[] = [
  (text) => text,
  (text) => text.replaceAll(/\r?\n/g, "\r\n"),
  (text) => `\uFEFF${text}`,
  (text) => text.replaceAll("e", "永").replaceAll("o", "😀"),
  (text) => text.trimEnd(),
  (text) => text.replaceAll(/\r?\n/g, () => ["\n", "\r\n"][text.length % 2]!).replace("\n", "\r\n"),
  (text) => text.replaceAll(/\r?\n/g, "\r"),
];

const line = fc.constantFrom(
  "# A",
  "## B b",
  "### Requirement: Fast",
  "#### Scenario: One",
  "text",
  "more 界😀",
  "===",
  "---",
  "- x",
  "- y z",
  "  - in",

  "* [ ] task",
  "- [x] 1.1 done",
  "1. n",
  "2. m",
  "```ts",
  "```",
  "",
  "",
  "",
  "> q",
  "<!--",
  "-->",
  "| a | b |",
  "|---|---|",

  "| 1 | 2 |",
  "| `k` | v |",
  "    code",
  "\ttab",
  "## ADDED Requirements",
  "## Requirements",
  "<div>",
  "It SHALL.",
);
/** Lines that mean something only together. */
const group = fc.constantFrom(
  "| a | b |\n|---|---|\n| 1 | 2 |\n| `k` | v |\n",
  "## Requirements\n\n### Requirement: Slow\nIt SHALL.\n\n#### Scenario: Two\n- x\n- y\n",
  "```ts\n# a\n```\n",
);
const generated = fc
  .tuple(
    fc.array(fc.oneof({ arbitrary: line, weight: 8 }, { arbitrary: group, weight: 1 }), { maxLength: 30 }),
    fc.constantFrom("\n", "\r\n", "\r"),
    fc.boolean(),
  )
  .map(([lines, end, final]) => lines.join("\n").replaceAll("\n", end) + (final ? end : ""));

interface Tally {
  done: number;
  refused: number;
  undone: number;
}

/** Makes the edit and looks at everything that it promises; says what came of it. */
function check(text: string, path: string, target: targets.Target, tally: Tally): void {
  const bom = text.startsWith("\uFEFF") ? "\uFEFF" : "";
  const body = text.slice(bom.length);
  const { edit, span, read, wanted, inverse } = target;
  let after: string;
  try {
    after = applyEdit(text, edit, path);
  } catch (error) {
    // What cannot be done without touching something else is refused.
    if (!(error instanceof SpecloopError) || !["bad_input", "bad_front_matter"].includes(error.code)) throw error;
    tally.refused += 1;
    return;
  }
  tally.done += 1;
  const [head, tail] = [body.slice(0, span[0]), body.slice(span[1])];
  expect(after.startsWith(bom + head)).toBe(true);
  expect(after.endsWith(tail)).toBe(true);
  expect(after.length).toBeGreaterThanOrEqual(bom.length + head.length + tail.length);
  expect(read(after.slice(bom.length))).toEqual(wanted);
  if (!inverse) return;
  expect(applyEdit(after, inverse, path)).toBe(text);
  tally.undone += 1;
}

type Source = (relevant: RegExp) => fc.Arbitrary<{ text: string; path: string }>;

function tryAll(source: Source, runs: number): Record<string, Tally> {
  const tallies: Record<string, Tally> = {};
  for (const [name, make] of Object.entries(MAKERS)) {
    const tally = (tallies[name] = { done: 0, refused: 0, undone: 0 });
    const attempt = ({ text, path }: { text: string; path: string }, draws: number[]) => {
      let draw = 0;
      const pick: targets.Pick = (all) => all[(draws[draw++ % draws.length] ?? 0) % Math.max(1, all.length)];
      const target = make(text.replace(/^\uFEFF/, ""), pick);
      if (target) check(text, path, target, tally);
    };
    const draws = fc.array(fc.nat(), { minLength: 2, maxLength: 2 });
    fc.assert(fc.property(source(needs(name)), draws, attempt), { numRuns: runs });
  }
  const shown = Object.entries(tallies).map(
    ([name, { done, refused, undone }]) => `${name} ${done} (${refused} refused, ${undone} undone)`,
  );
  console.info(shown.join("; "));
  return tallies;
}

scenario(
  "documents",
  "Every kind of edit leaves all other bytes of real documents as they were",
  () => {
    const source: Source = (relevant) => {
      const fitting = documents.filter(({ text }) => relevant.test(text));
      return fc.tuple(fc.nat(), fc.constantFrom(...DRESSES)).map(([which, dress]) => {
        const { text, path } = fitting[which % fitting.length]!;
        return { text: dress(text), path };
      });
    };
    for (const [name, { done, refused }] of Object.entries(tryAll(source, RUNS))) {
      expect([name, done]).not.toEqual([name, 0]);
      // An edit that is always refused would pass every other line of this test; of front matter one in six is.
      expect(refused, name).toBeLessThanOrEqual(Math.max(3, done * 0.4));
    }
  },
  600_000,
);

scenario(
  "documents",
  "Every kind of edit leaves all other bytes of generated documents as they were",
  () => {
    const source: Source = () => generated.map((text) => ({ text, path: "a.md" }));
    for (const [name, { done }] of Object.entries(tryAll(source, RUNS * 4)))
      expect([name, done]).not.toEqual([name, 0]);
  },
  600_000,
);
