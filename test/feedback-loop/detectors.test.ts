import { describe, expect, test } from "vitest";
import { chartAlarm } from "../../src/feedback-loop/detectors/control-chart.ts";
import { clusterQuestions } from "../../src/feedback-loop/detectors/repeated-unanswered.ts";
import { seededRandom } from "../../src/feedback-loop/statistics.ts";
import { openWorld, questions } from "./world.ts";

const slow = { unit: "ms", better: "lower" } as const;
const principal = { kind: "agent" as const, name: "test" };

describe("control chart", () => {
  const steady = (n: number, level: number, seed: string) => {
    const random = seededRandom(seed);
    return Array.from({ length: n }, () => level * Math.exp((random() - 0.5) / 5));
  };

  test("says nothing before it knows what is usual", () => {
    expect(chartAlarm(slow, [...steady(19, 10, "a"), ...steady(8, 100, "b")])).toBeNull();
  });

  test("sees a metric that became twice as slow, and not one that became twice as fast", () => {
    expect(chartAlarm(slow, [...steady(40, 10, "a"), ...steady(8, 20, "b")])).not.toBeNull();
    expect(chartAlarm(slow, [...steady(40, 10, "a"), ...steady(8, 5, "b")])).toBeNull();
    const hits = { unit: "share", better: "higher" } as const;
    const shares = Array.from({ length: 30 }, (_, index) => 0.8 + (index % 3) * 0.01);
    expect(chartAlarm(hits, [...shares, ...shares.slice(0, 8).map((share) => share - 0.3)])).not.toBeNull();
    expect(chartAlarm(hits, [...shares, ...shares.slice(0, 8).map((share) => share + 0.15)])).toBeNull();
  });

  test("a constant metric that moves by less than is worth a look raises no alarm", () => {
    const never = { unit: "share", better: "lower" } as const;
    expect(chartAlarm(never, [...Array(40).fill(0), ...Array(8).fill(0.04)])).toBeNull();
    expect(chartAlarm(never, [...Array(40).fill(0), ...Array(8).fill(0.3)])).not.toBeNull();
  });

  test("a quiet stream raises few alarms, also when neighbours resemble each other", () => {
    const share = (memory: number) => {
      const random = seededRandom(`quiet ${memory}`);
      const alarms = Array.from({ length: 1000 }, () => {
        let level = 0;
        const points = Array.from({ length: 60 }, () => {
          const noise = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
          level = memory * level + noise * Math.sqrt(1 - memory ** 2);
          return Math.exp(3 + level * 0.3);
        });
        return chartAlarm(slow, points);
      });
      return alarms.filter((alarm) => alarm !== null).length / alarms.length;
    };
    const [independent, alike] = [share(0), share(0.5)];
    console.info(`false alarms per look: ${independent} independent, ${alike} with memory 0.5`);
    expect(independent).toBeLessThan(0.03);
    expect(alike).toBeLessThan(0.06);
  });
});

test("questions are grouped by subject, and a number that differs makes another subject", () => {
  const texts = [
    "How long is a session token valid?",
    "how long are session tokens valid",
    "Is a session token valid for long?",
    "Which port does version 2 use?",
    "Which port does version 3 use?",
    "???",
  ];
  const groups = clusterQuestions(texts.map((text) => ({ text })));
  expect(groups.map((group) => group.map(({ text }) => texts.indexOf(text)))).toEqual([[0, 1, 2], [3], [4]]);
});

describe("problems", () => {
  test("declined answers that documents know become a problem with figures of the train split alone", async () => {
    await using world = await openWorld({
      questions: [
        ...questions(10, { score: 0.8, right: true }, "train"),
        ...questions(6, { score: 0.5, right: true }, "train"),
        ...questions(20, { score: 0.5, right: true }, "validation"),
      ],
    });
    const { problems, proposals } = await world.cycle();
    expect(problems).toMatchObject([{ code: "documents_too_strict", metric: "question.documents_answered" }]);
    expect(problems[0]!.summary).toContain("16 instead of 10 of 16");
    expect(proposals).toHaveLength(1);
    const experiment = await world.git.read(
      `refs/heads/${proposals[0]!.branch}`,
      `openspec/changes/${proposals[0]!.changeId}/experiment.yaml`,
    );
    expect(experiment!.toString()).toMatch(/to: 0\.[45]/);
    expect(experiment!.toString()).not.toContain("q-0017");
  });

  test("lower thresholds that let wrong answers through are no problem's solution", async () => {
    await using world = await openWorld({
      questions: [
        ...questions(10, { score: 0.8, right: true }, "train"),
        ...questions(6, { score: 0.5, right: false }, "train"),
      ],
    });
    expect((await world.cycle()).problems).toEqual([]);
  });

  test("wrong answers that a higher threshold holds back are a problem", async () => {
    await using world = await openWorld({
      questions: [
        ...questions(10, { score: 0.9, right: true }, "train"),
        ...questions(6, { score: 0.65, right: false }, "train"),
      ],
    });
    expect((await world.cycle()).problems).toMatchObject([
      { code: "documents_too_loose", metric: "answer.judged_wrong" },
    ]);
  });

  test("the same question again and again becomes a lesson only where an accepted answer is known", async () => {
    await using world = await openWorld({
      questions: [
        {
          score: 0.1,
          right: true,
          split: "train",
          text: "How long is a session token valid?",
          known: "Fifteen minutes.",
        },
      ],
    });
    const ask = (questionId: string, text: string) => {
      world.events.emit("question.asked", { questionId, kind: "fact", principal, text });
      world.events.emit("question.left_pending", { questionId, text, ms: 3 });
    };
    for (const name of ["one", "two", "three"]) ask(name, "Who may merge to the release branch?");
    expect((await world.cycle()).problems).toMatchObject([{ code: "repeated_unanswered", candidates: 0 }]);
    ask("q-0001", "How long is a session token valid?");
    world.events.emit("question.answered", { questionId: "q-0001", route: "person", cached: false, ms: 9, principal });
    ask("four", "How long are session tokens valid?");
    ask("five", "Session tokens: how long valid?");
    const report = await world.cycle();
    expect(report.problems.map(({ candidates }) => candidates).sort()).toEqual([0, 1]);
    expect(report.proposals.map(({ title }) => title)).toEqual([
      expect.stringContaining("openspec/lessons/how-long-is-a-session-token-valid.md"),
    ]);
  });

  test("questions that judge proposals later are not what a lesson is made from", async () => {
    const known = { score: 0.1, right: true, split: "validation" as const, known: "Fifteen minutes." };
    const texts = [
      "How long is a session token valid?",
      "How long are session tokens valid?",
      "Session tokens: how long?",
    ];
    await using world = await openWorld({ questions: texts.map((text) => ({ ...known, text })) });
    for (const { questionId, text } of world.questions) {
      world.events.emit("question.asked", { questionId, kind: "fact", principal, text });
      world.events.emit("question.answered", { questionId, route: "person", cached: false, ms: 9, principal });
    }
    expect((await world.cycle()).problems).toEqual([]);
  });

  test("a metric that became worse is reported and opens no proposal by itself", async () => {
    await using world = await openWorld();
    for (let index = 0; index < 48 * 20; index += 1) {
      const ms = (index < 40 * 20 ? 100 : 400) + (index % 7);
      world.events.emit("question.answered", {
        questionId: `q-${index}`,
        route: "documents",
        cached: true,
        ms,
        principal,
      });
    }
    const report = await world.cycle();
    expect(report.problems).toMatchObject([{ code: "metric_worse", metric: "question.time_to_answer" }]);
    expect(report.proposals).toEqual([]);
  });
});
