import { describe, expect, test } from "vitest";
import type { Experiment } from "../../src/feedback-loop/index.ts";
import type { ReplayOutcome } from "../../src/feedback-loop/ports.ts";
import { seededRandom } from "../../src/feedback-loop/statistics.ts";
import { decide, type Pair } from "../../src/feedback-loop/verdict.ts";

const experiment: Experiment = {
  version: 1,
  hypothesis: "More questions are answered right from the documents.",
  primary: { name: "question.documents_answered", better: "higher", minimumEffect: 0.05 },
  baseline: 0.5,
  expected: 0.7,
  guards: [{ metric: "answer.judged_wrong", limit: 0.02 }],
  judge: { kind: "paired_replay", sample: "questions", split: "validation", minimumPairs: 10, alpha: 0.05 },
  horizonDays: 14,
  unit: "question",
  actions: [{ kind: "setting", key: "questions.documents.minScore", from: 0.6, to: 0.4 }],
  undo: { kind: "revert_commit", settings: [] },
  proposedAt: "2026-11-21T00:00:00.000Z",
  author: "hand",
};
const first = { look: 1, pairsPerDay: 2, at: 1 };
const DECLINED = "declined";
const RIGHT = "right";
const WRONG = "wrong";

describe("decide", () => {
  test("keeps what gains enough questions", () => {
    const verdict = decide(experiment, [...pairs(8, DECLINED, RIGHT), ...pairs(12, RIGHT, RIGHT)], first);
    expect(verdict).toMatchObject({ verdict: "kept", pairs: 20, gained: 8, lost: 0, before: 0.6, after: 1 });
    expect(verdict.effect).toBeCloseTo(0.4);
    expect(verdict.p).toBeCloseTo(1 / 256);
  });

  test("never keeps on fewer pairs than were asked for, and says how many are missing", () => {
    const verdict = decide(experiment, pairs(9, DECLINED, RIGHT), first);
    expect(verdict).toMatchObject({ verdict: "inconclusive", needsPairs: 1, needsDays: 1 });
  });

  test("never keeps what cannot be measured", () => {
    const unmeasured = {
      ...experiment,
      primary: { name: "question.cache_hit", better: "higher" as const, minimumEffect: 0.01 },
      guards: [],
    };
    const verdict = decide(unmeasured, pairs(50, DECLINED, RIGHT), first);
    expect(verdict).toMatchObject({ verdict: "inconclusive", pairs: 0 });
    expect(decide(experiment, [], first)).toMatchObject({ verdict: "inconclusive", pairs: 0 });
  });

  test("reverts at once when more answers are wrong than the guard allows, whatever the primary metric gains", () => {
    const verdict = decide(experiment, [...pairs(30, DECLINED, RIGHT), ...pairs(5, DECLINED, WRONG)], first);
    expect(verdict).toMatchObject({ verdict: "reverted", harmful: true });
    expect(verdict.reason).toContain("answer.judged_wrong");
  });

  test("reverts what loses questions", () => {
    const verdict = decide(experiment, [...pairs(6, RIGHT, DECLINED), ...pairs(20, RIGHT, RIGHT)], first);
    expect(verdict).toMatchObject({ verdict: "reverted", harmful: true, lost: 6 });
  });

  test("does not keep a sure effect that is smaller than what was promised", () => {
    const verdict = decide(experiment, [...pairs(8, DECLINED, RIGHT), ...pairs(400, RIGHT, RIGHT)], first);
    expect(verdict.p).toBeLessThan(0.01);
    expect(verdict.verdict).toBe("inconclusive");
  });

  test("keeps a relative gain of time, and a guard of time is not broken by noise of the machine", () => {
    const faster = {
      ...experiment,
      primary: { name: "question.time_to_answer", better: "lower" as const, minimumEffect: 0.1 },
      guards: [],
    };
    const quick = pairs(12, RIGHT, RIGHT).map((pair) => ({
      ...pair,
      before: { ...pair.before, ms: 100 },
      after: { ...pair.after, ms: 70 },
    }));
    expect(decide(faster, quick, first)).toMatchObject({ verdict: "kept", gained: 12 });
    const guarded = { ...experiment, guards: [{ metric: "question.time_to_answer", limit: 0.1 }] };
    const noisy = pairs(12, RIGHT, RIGHT).map((pair) => ({
      ...pair,
      before: { ...pair.before, ms: 1 },
      after: { ...pair.after, ms: 2 },
    }));
    expect(decide(guarded, noisy, first).guards[0]).toMatchObject({ held: true });
    const slow = noisy.map((pair) => ({ ...pair, after: { ...pair.after, ms: 40 } }));
    expect(decide(guarded, slow, first)).toMatchObject({ verdict: "reverted", harmful: true });
  });
});

describe("simulation", () => {
  test("a change without effect is kept in at most 5 % of experiments, though it is looked at six times", () => {
    const random = seededRandom("a/a");
    const free = { ...experiment, guards: [], primary: { ...experiment.primary, minimumEffect: 0.001 } };
    let kept = 0;
    const runs = 2000;
    for (let run = 0; run < runs; run += 1)
      kept += wasKept(free, { looks: 6, draw: () => [random() < 0.5, random() < 0.5] }) ? 1 : 0;
    console.info(`a/a: kept ${kept} of ${runs}`);
    expect(kept / runs).toBeLessThanOrEqual(0.05);
    expect(kept).toBeGreaterThan(0);
  });

  test("a change that answers a fifth more is kept in most experiments, a harmful one never", () => {
    const random = seededRandom("power");
    // A replayed question is the same on both sides: it is lost or gained by the change, hardly by chance.
    const drawn = (better: number) => (): [boolean, boolean] => {
      const luck = random();
      const flip = random() < 0.02;
      return [luck < 0.5, luck < 0.5 + better !== flip];
    };
    const share = (better: number) =>
      Array.from({ length: 400 }, () => wasKept(experiment, { looks: 6, draw: drawn(better) })).filter(Boolean).length /
      400;
    const [helpful, harmful] = [share(0.2), share(-0.1)];
    console.info(`a fifth better: kept ${helpful}; a tenth worse: kept ${harmful}`);
    expect(helpful).toBeGreaterThan(0.8);
    expect(harmful).toBeLessThanOrEqual(0.005);
  });
});

/** Replays drawn by chance, 20 questions at the first look and half as many more at each further. */
function wasKept(tested: Experiment, { looks, draw }: { looks: number; draw: () => [boolean, boolean] }): boolean {
  const all: Pair[] = [];
  for (let look = 1, size = 20; look <= looks; look += 1, size = Math.ceil(size * 1.5)) {
    while (all.length < size) {
      const [before, after] = draw();
      all.push(...pairs(1, before ? RIGHT : DECLINED, after ? RIGHT : DECLINED));
    }
    const { verdict } = decide(tested, all, { look, pairsPerDay: 1, at: look });
    if (verdict !== "inconclusive") return verdict === "kept";
  }
  return false;
}

function pairs(n: number, before: string, after: string): Pair[] {
  return Array.from({ length: n }, (_, index) => ({
    questionId: `q-${before}-${after}-${index}`,
    first: "before",
    before: outcome(before),
    after: outcome(after),
  }));
}

function outcome(kind: string): ReplayOutcome {
  const status = kind === DECLINED ? "declined" : "answered";
  return { questionId: "q", status, route: null, text: "", citations: [], right: kind === RIGHT, ms: 10 };
}
