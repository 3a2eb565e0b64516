import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { lessonPath, parseExperiment, renderExperiment, slug } from "../../src/feedback-loop/experiment.ts";

const page = readFileSync(join(import.meta.dirname, "../../docs/reference/experiment.md"), "utf8");
const example = /```yaml\n(.*?)```/s.exec(page)![1]!;

describe("experiment.yaml", () => {
  test("the documented example is one, and comes back the same from what is written", () => {
    const experiment = parseExperiment(example, "experiment.yaml");
    expect(experiment.actions).toEqual([{ kind: "setting", key: "questions.documents.minScore", from: 0.6, to: 0.45 }]);
    expect(parseExperiment(renderExperiment(experiment), "experiment.yaml")).toEqual(experiment);
  });

  test.each([
    ["alpha: 0.05", "alpha: 0.5", "judge.alpha"],
    ["minimumPairs: 10", "minimumPairs: 1", "judge.minimumPairs"],
    ["split: validation", "split: train", "judge.split"],
    ["kind: setting", "kind: command", "actions.0.kind"],
    ["version: 1", "version: 2", "version"],
    ["unit: question", "unit: question\nsurprise: 1", "surprise"],
    ["key: questions", "key: ../questions", "actions.0.key"],
    ["horizonDays: 14", "horizonDays: -1", "horizonDays"],
    ["to: 0.45", "to: .nan", "actions.0.to"],
  ])("refuses %s as %s", (good, bad, place) => {
    expect(() => parseExperiment(example.replace(good, bad), "x/experiment.yaml")).toThrow(place);
  });

  test.each(["", "[]", "just text", "a: [", "a: &x [*x]"])("refuses %j with the file's name", (text) => {
    expect(() => parseExperiment(text, "x/experiment.yaml")).toThrow(/x\/experiment\.yaml/);
  });
});

test("lessons get names that every file system takes", () => {
  expect(lessonPath("How long is a session token valid?")).toBe(
    "openspec/lessons/how-long-is-a-session-token-valid.md",
  );
  expect(slug("../../etc/passwd")).toBe("etc-passwd");
  expect(slug("会话令牌的有效期是多久？")).toMatch(/^lesson-[0-9a-f]{8}$/);
  expect(slug("x".repeat(500))).toHaveLength(60);
});
