import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { splitLines } from "../../src/adapters/openspec/index.ts";
import { withAnswer } from "../../src/orchestrator/processing/write-answer.ts";
import { REAL_REPOSITORIES, realRepositoriesMissing, realFiles } from "../helpers/repository.ts";
import { openQuestions } from "../../src/orchestrator/questions.ts";

const given = { by: "Ada", day: "2026-11-21" };
const asked = (text: string) => openQuestions(splitLines(text));

test("an answer goes below the list item, its notes and before what comes next", () => {
  const text =
    "# Design\n\n## Open Questions\n\n- Cache it?\n  It is slow.\n  - a note\n- Keep it?\n\n## Next\n\ntext\n";
  const answered = withAnswer(text, { ...given, question: "Cache it? It is slow.", answer: "Yes,\nfor an hour." });
  expect(answered).toBe(
    "# Design\n\n## Open Questions\n\n- Cache it?\n  It is slow.\n  - a note\n  > **Answer** (Ada, 2026-11-21): Yes,\n  > for an hour.\n- Keep it?\n\n## Next\n\ntext\n",
  );
  expect(asked(answered!).map(({ text: question, answered: done }) => [question, done])).toEqual([
    ["Cache it? It is slow.", true],
    ["Keep it?", false],
  ]);
});

test("numbered items, paragraphs, CRLF, a missing last line end and Chinese are kept as they are", () => {
  const cases = [
    [
      "## Open Questions\r\n\r\n1. 需要缓存吗?\r\n2. Other?\r\n",
      "需要缓存吗?",
      "\r\n   > **Answer** (Ada, 2026-11-21): 是\r\n2. Other?",
    ],
    [
      "## Open Questions\n\nShould we cache?\n\nAnd why?\n",
      "Should we cache?",
      "cache?\n\n> **Answer** (Ada, 2026-11-21): 是\n\nAnd why?\n",
    ],
    ["## Open Questions\n- Cache?", "Cache?", "- Cache?\n  > **Answer** (Ada, 2026-11-21): 是"],
  ] as const;
  for (const [text, question, part] of cases) {
    const answered = withAnswer(text, { ...given, question, answer: "是" })!;
    expect(answered).toContain(part);
    expect(asked(answered).find((found) => found.text === question)?.answered).toBe(true);
    expect(withAnswer(answered, { ...given, question, answer: "again" })).toBeNull();
  }
});

test("a question that is gone, asked twice or answered is not answered", () => {
  const text = "## Open Questions\n- One?\n- Two?\n- two?\n- ~~Three?~~\n";
  for (const question of ["None?", "Two?", "~~Three?~~"]) {
    expect(withAnswer(text, { ...given, question, answer: "x" })).toBeNull();
  }
});

test("whatever an answer says, the document asks the other questions as before and keeps its other lines", () => {
  const answer = fc.array(fc.constantFrom("## Head", "- item", "1. x", "```", "---", "> q", "text?", "", "| a |"), {
    minLength: 1,
    maxLength: 6,
  });
  fc.assert(
    fc.property(answer, fc.constantFrom("\n", "\r\n"), (lines, eol) => {
      const text = ["# D", "## Open Questions", "- One?", "- Two?", "- Three?", "", "## After", "", "end", ""].join(
        eol,
      );
      const answered = withAnswer(text, { ...given, question: "Two?", answer: lines.join("\n") })!;
      expect(asked(answered).map((question) => [question.text, question.answered])).toEqual([
        ["One?", false],
        ["Two?", true],
        ["Three?", false],
      ]);
      const kept = answered.split(eol).filter((line) => !line.startsWith("  >"));
      expect(kept.join(eol)).toBe(text);
    }),
  );
});

test("every open question of real designs and proposals can be answered in place", async (context) => {
  if (realRepositoriesMissing) console.warn(realRepositoriesMissing);
  context.skip(realRepositoriesMissing !== null, realRepositoriesMissing ?? "");
  const counts = { open: 0, answered: 0, written: 0, twice: 0 };
  for (const name of REAL_REPOSITORIES) {
    await using repository = await realFiles(name);
    for (const file of globSync("openspec/changes/**/*.md", { cwd: repository.path })) {
      const text = readFileSync(join(repository.path, file), "utf8");
      const questions = asked(text);
      counts.answered += questions.filter(({ answered }) => answered).length;
      for (const { text: question } of questions.filter(({ answered }) => !answered)) {
        counts.open += 1;
        const answered = withAnswer(text, { ...given, question, answer: "Yes.\n\n- and more" });
        if (answered === null) counts.twice += 1;
        else {
          counts.written += 1;
          const others = (read: ReturnType<typeof asked>) => read.filter((each) => each.text !== question);
          const plain = (read: ReturnType<typeof asked>) => read.map((each) => [each.text, each.answered]);
          expect(plain(others(asked(answered))), file).toEqual(plain(others(questions)));
          expect(
            asked(answered).filter((each) => each.text === question && !each.answered),
            file,
          ).toEqual([]);
          expect(withoutLines(answered, text), file).toBe(true);
        }
      }
    }
  }
  console.info("open questions of real repositories:", JSON.stringify(counts));
  expect(counts.open).toBeGreaterThan(20);
  expect(counts.twice).toBeLessThan(counts.open / 20);
});

/** Whether a text becomes the other one by leaving lines out, all of which are quoted or blank. */
function withoutLines(longer: string, shorter: string): boolean {
  const kept = shorter.split("\n");
  let at = 0;
  for (const line of longer.split("\n")) {
    if (at < kept.length && line === kept[at]) at += 1;
    else if (!/^\s*(?:>.*)?$/.test(line)) return false;
  }
  return at === kept.length;
}
