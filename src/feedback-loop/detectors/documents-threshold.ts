import type { RecordedQuestion, ReplayOutcome } from "../ports.ts";
import type { Problem } from "../problem.ts";
import type { Detector, Scene } from "./detector.ts";

const SECTION = "questions.";
/** Steps away from the present value that are tried on each side. */
const STEPS = [1, 2, 3, 5, 8, 13, 20];
/** Questions that have to change before a setting is called a problem. */
const LEAST_GAIN = 2;
/** Share of all questions that may become wrong for the sake of the others. */
const TOLERATED = 0.02;
const CHUNK = 10;
/** Questions that each value is tried with. */
const MOST_TRIED = 40;
/** Values that are held against all questions, best first. */
const MOST_CHECKED = 3;

/**
 * Replays recorded questions of the train split with other values of the settings that decide when documents may
 * answer: too strict, and known answers are declined; too loose, and wrong ones are given.
 */
export const documentsThreshold: Detector = {
  name: "documents_threshold",
  what: "The documents know answers that a setting keeps back, or give wrong ones that it lets through.",
  detect: async (scene) => {
    const questions = (await scene.train()).filter(({ accepted, shouldDecline }) => accepted !== null || shouldDecline);
    const bench = new ReplayBench(scene);
    const now = await bench.present(questions);
    const problems: Problem[] = [];
    for (const key of keysToTry(scene)) {
      for (const values of [below(scene, key), above(scene, key)]) {
        const best = await bestOf(bench, { key, values, now });
        if (best) problems.push(describe(scene, { key, best, now }));
      }
    }
    return problems;
  },
};

/** A question and what came of it. */
interface Replayed {
  question: RecordedQuestion;
  outcome: ReplayOutcome;
}

/** Replays within the time that analysis may take. */
class ReplayBench {
  readonly #scene: Scene;
  readonly #start: number;

  constructor(scene: Scene) {
    this.#scene = scene;
    this.#start = scene.clock.monotonic();
  }

  /** How the questions fare as things are: as many as fit into a fifth of the time, so that there is time to compare. */
  async present(questions: RecordedQuestion[]): Promise<Replayed[]> {
    const replayed: Replayed[] = [];
    for (let start = 0; start < questions.length && !this.#isOver(1 / 5); start += CHUNK) {
      replayed.push(...(await this.run({}, questions.slice(start, start + CHUNK))));
    }
    return replayed;
  }

  /** The same for some of the questions with another value; null when the time is over. */
  async attempt(options: Record<string, unknown>, questions: RecordedQuestion[]): Promise<Replayed[] | null> {
    const replayed: Replayed[] = [];
    for (let start = 0; start < questions.length; start += CHUNK) {
      if (this.#isOver(1)) return null;
      replayed.push(...(await this.run(options, questions.slice(start, start + CHUNK))));
    }
    return replayed;
  }

  /** Whatever the time is: for the one value that is about to be proposed. */
  async run(options: Record<string, unknown>, questions: RecordedQuestion[]): Promise<Replayed[]> {
    const outcomes = await this.#scene.replay(questions, { options }, this.#scene.signal);
    const byId = new Map(outcomes.map((outcome) => [outcome.questionId, outcome]));
    return questions.flatMap((question) => {
      const outcome = byId.get(question.questionId);
      return outcome ? [{ question, outcome }] : [];
    });
  }

  #isOver(share: number): boolean {
    return this.#scene.clock.monotonic() - this.#start > this.#scene.options.analysisMs * share;
  }
}

interface Best {
  value: number;
  after: Replayed[];
  /** `strict`: more right answers; `loose`: fewer wrong ones. */
  kind: "strict" | "loose";
}

/**
 * Of these values, nearest first, the one with the largest gain; null when none is worth it. Only questions that are not
 * answered right now are tried with each value, and none where even the furthest value changes nothing; the best ones are
 * then held against all questions.
 */
async function bestOf(
  bench: ReplayBench,
  { key, values, now }: { key: string; values: number[]; now: Replayed[] },
): Promise<Best | null> {
  const unhappy = now.filter(({ outcome }) => outcome.right !== true).slice(0, MOST_TRIED);
  const furthest = values.at(-1);
  if (unhappy.length < LEAST_GAIN || furthest === undefined) return null;
  const option = key.slice(SECTION.length);
  const asked = unhappy.map(({ question }) => question);
  const far = await bench.attempt({ [option]: furthest }, asked);
  if (!far || !differs(unhappy, far)) return null;
  const gains: { value: number; gain: number }[] = [];
  for (const value of values) {
    const tried = value === furthest ? far : await bench.attempt({ [option]: value }, asked);
    if (!tried) break;
    const gain = count(tried, true) + count(unhappy, false) - count(tried, false);
    if (gain >= LEAST_GAIN) gains.push({ value, gain });
  }
  for (const { value } of gains.sort((a, b) => b.gain - a.gain).slice(0, MOST_CHECKED)) {
    const then = await bench.run(
      { [option]: value },
      now.map(({ question }) => question),
    );
    const kind = kindOf(now, then);
    if (kind) return { value, after: then, kind };
  }
  return null;
}

function differs(now: Replayed[], then: Replayed[]): boolean {
  const before = new Map(now.map(({ outcome }) => [outcome.questionId, verdictOf(outcome)]));
  return then.some(({ outcome }) => before.get(outcome.questionId) !== verdictOf(outcome));
}

function kindOf(now: Replayed[], then: Replayed[]): Best["kind"] | null {
  const moreRight = count(then, true) - count(now, true);
  const moreWrong = count(then, false) - count(now, false);
  const slack = TOLERATED * now.length;
  // A wrong answer costs at least what a right one brings.
  if (moreRight - Math.max(0, moreWrong) >= LEAST_GAIN && moreWrong <= slack) return "strict";
  return -moreWrong >= LEAST_GAIN && -moreRight <= slack ? "loose" : null;
}

function describe(scene: Scene, { key, best, now }: { key: string; best: Best; now: Replayed[] }): Problem {
  const { range, current } = scene.tunables[key]!;
  const strict = best.kind === "strict";
  const before = count(now, strict);
  const after = count(best.after, strict);
  const thenById = new Map(best.after.map(({ outcome }) => [outcome.questionId, outcome]));
  const changed = now.flatMap(({ question, outcome }) => {
    const then = thenById.get(outcome.questionId);
    if (!then || verdictOf(outcome) === verdictOf(then)) return [];
    const text = question.text.replaceAll(/\s+/g, " ").slice(0, 120);
    return [{ label: `${verdictOf(outcome)}, then ${verdictOf(then)}`, value: text, ref: outcome.questionId }];
  });
  // In the metric's own unit: question.documents_answered takes a wrong answer off for a right one.
  const share = (replayed: Replayed[]) => {
    const figure = strict ? count(replayed, true) - count(replayed, false) : count(replayed, false);
    return Number((figure / now.length).toPrecision(4));
  };
  return {
    code: strict ? "documents_too_strict" : "documents_too_loose",
    metric: strict ? "question.documents_answered" : "answer.judged_wrong",
    summary: strict
      ? `With ${key} ${best.value} instead of ${current()}, ${after} instead of ${before} of ${now.length} recorded questions are answered right.`
      : `With ${key} ${best.value} instead of ${current()}, ${after} instead of ${before} of ${now.length} recorded questions are answered wrong.`,
    evidence: [
      { label: "replayed questions (train split)", value: now.length },
      { label: "right now", value: count(now, true) },
      { label: `right at ${best.value}`, value: count(best.after, true) },
      { label: "wrong now", value: count(now, false) },
      { label: `wrong at ${best.value}`, value: count(best.after, false) },
      ...changed.slice(0, 10),
    ],
    candidates: [{ kind: "setting", key, from: current(), range, suggested: best.value }],
    baseline: share(now),
    expected: share(best.after),
  };
}

function count(replayed: Replayed[], right: boolean): number {
  return replayed.filter(({ outcome }) => outcome.status === "answered" && outcome.right === right).length;
}

function verdictOf({ status, right }: ReplayOutcome): string {
  if (status === "declined") return "declined";
  return right ? "right" : "wrong";
}

/** Settings of the documents responder: replay asks it alone. */
function keysToTry({ tunables }: Scene): string[] {
  return Object.keys(tunables)
    .filter((key) => key.startsWith(`${SECTION}documents.`))
    .sort();
}

function below(scene: Scene, key: string): number[] {
  const { range, current } = scene.tunables[key]!;
  return ladder(current(), range.min, range.step);
}

function above(scene: Scene, key: string): number[] {
  const { range, current } = scene.tunables[key]!;
  return ladder(current(), range.max, range.step);
}

/** Values from `from` (left out) towards `to`, on multiples of the step: close ones first, then further and further. */
function ladder(from: number, to: number, step: number): number[] {
  const most = Math.floor(Math.abs(to - from) / step + 1e-9);
  const sign = Math.sign(to - from);
  return STEPS.filter((steps) => steps <= most).map((steps) => Number((from + sign * step * steps).toFixed(10)));
}
