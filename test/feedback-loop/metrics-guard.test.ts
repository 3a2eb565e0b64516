import { expect, test } from "vitest";
import { parseExperiment } from "../../src/feedback-loop/experiment.ts";
import { checkExperiment } from "../../src/feedback-loop/steps/approve.ts";
import { options } from "../../src/question-router/index.ts";
import { scenario } from "../helpers/scenario.ts";
import { agent, never, startRouter } from "../question-router/harness.ts";
import { ManualClock } from "../question-router/manual-clock.ts";
import { openWorld, questions } from "./world.ts";

const known = [
  ...questions(10, { score: 0.8, right: true }, "train"),
  ...questions(6, { score: 0.5, right: true }, "train"),
];
const EXPERIMENT = `version: 1
hypothesis: More questions are answered from the documents.
primary: { name: question.documents_answered, better: higher, minimumEffect: 0.02 }
baseline: null
expected: null
guards: []
judge: { kind: paired_replay, sample: questions, split: validation, minimumPairs: 10, alpha: 0.05 }
horizonDays: 14
unit: question
actions: [{ kind: setting, key: questions.documents.minScore, from: 0.6, to: 0.4 }]
undo: { kind: revert_commit }
proposedAt: 2026-11-21T00:00:00.000Z
author: person:ada
`;

scenario("improvement-loop", "A lower threshold that answers what nobody knew is not proposed", async () => {
  const unknown = questions(6, { score: 0.5, right: false, shouldDecline: true }, "train");
  await using world = await openWorld({ questions: [...known, ...unknown] });
  expect(await world.cycle()).toMatchObject({ problems: [], proposals: [] });
  await using without = await openWorld({ questions: known });
  expect((await without.cycle()).problems).toMatchObject([{ code: "documents_too_strict" }]);
});

scenario("improvement-loop", "A merged threshold that answers what nobody knew is undone", async () => {
  await using world = await openWorld({
    questions: [
      ...questions(10, { score: 0.8, right: true }, "validation"),
      ...questions(6, { score: 0.5, right: false, shouldDecline: true }, "validation"),
    ],
  });
  await world.repository.git("switch", "--quiet", "--create", "loosen");
  await world.repository.write("openspec/changes/loosen/experiment.yaml", EXPERIMENT);
  await world.repository.commitAll("Loosen it");
  await world.repository.git("switch", "--quiet", "main");
  await world.merge("loosen", "--no-ff");
  const [decided] = (await world.loop.list({ limit: 1 })).proposals;
  expect(decided).toMatchObject({ state: "reverted", verdict: { harmful: true, gained: 0, lost: 6, pairs: 16 } });
  expect(await world.committedScore()).toBe(0.6);
});

scenario("improvement-loop", "Recorded questions say that they should be declined", async () => {
  const clock = new ManualClock();
  await using shop = await startRouter({ clock });
  const ask = (text: string) => shop.router.ask({ text, waitMs: 0 }, agent, never);
  await ask("Who repairs the brakes of the blue tandem?");
  clock.advance(169 * 3_600_000);
  const wrong = await ask("Within how many days is a returned bicycle refunded?");
  await shop.router.judge({ questionId: wrong.questionId, verdict: "wrong", principal: agent });
  // Records are listed newest first.
  clock.advance(1000);
  await ask("Where is the cellar key?");
  const recorded = await shop.router.recorded({ limit: 10 });
  const said = new Map(recorded.map(({ text, shouldDecline }) => [text.split(" ")[0], shouldDecline]));
  expect(said).toEqual(
    new Map([
      ["Where", false],
      ["Within", true],
      ["Who", true],
    ]),
  );
  const outcomes = await shop.router.replay(recorded, { options: {} }, never);
  expect(outcomes.map(({ status, right }) => [status, right])).toEqual([
    ["declined", null],
    ["answered", false],
    ["declined", true],
  ]);
});

test("the threshold is offered where an answer is more often right than wrong, and where any is given", () => {
  const { min, max } = options.tunable["documents.minScore"]!;
  expect(min).toBeGreaterThanOrEqual(0.5);
  expect(max).toBeLessThan(1);
});

test("a guard that replay cannot tell, or that may undo nothing, is refused", () => {
  const range = { min: 0, max: 1, step: 0.05 };
  const tunables = { "questions.documents.minScore": { range, current: () => 0.6 } };
  const check = (metric: string) => {
    const text = EXPERIMENT.replace("guards: []", `guards: [{ metric: ${metric}, limit: 0.1 }]`);
    return checkExperiment(parseExperiment(text, "experiment.yaml"), tunables);
  };
  expect(check("answer.judged_wrong")).toBeNull();
  expect(check("question.cache_hit")).toContain("may undo no experiment");
  expect(check("tool.time")).toContain("cannot be measured by replay");
  expect(check("nothing.known")).toContain("cannot be measured by replay");
});
