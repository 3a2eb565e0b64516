import type { RecordedQuestion, ReplayOutcome } from "../ports.ts";
import type { Problem } from "../problem.ts";
import type { Detector, Scene } from "./detector.ts";

const SECTION = "questions.";
/** Values tried on each side of the present one. */
const STEPS = 5;
/** Questions that have to change before a setting is called a problem. */
const LEAST_GAIN = 2;
/** Share of all questions that may become wrong for the sake of the others. */
const TOLERATED = 0.02;
const CHUNK = 20;

/**
 * Replays recorded questions of the train split with other values of the settings that decide when documents may
 * answer: too strict, and known answers are declined; too loose, and wrong ones are given.
 */
export const documentsThreshold: Detector = {
  name: "documents_threshold",
  what: "The documents know answers that a setting keeps back, or give wrong ones that it lets through.",
  detect: async (scene) => {
    const questions = (await scene.train()).filter(({ accepted }) => accepted !== null);
    const bench = new ReplayBench(scene, questions);
    const now = await bench.run({});
    if (!now || now.length < LEAST_GAIN) return [];
    const problems: Problem[] = [];
    for (const key of keysToTry(scene)) {
      for (const values of [below(scene, key), above(scene, key)]) {
        const best = await bestOf(bench, { key, values, now });
        if (best) problems.push(describe(scene, { key, best, now, asked: bench.asked }));
      }
    }
    return problems;
  },
};

/** Replays within the time that analysis may take: once it is over, nothing more is replayed. */
class ReplayBench {
  readonly #scene: Scene;
  readonly #end: number;
  /** The questions that fitted into the time of the first run; later runs replay the same ones. */
  asked: RecordedQuestion[];

  constructor(scene: Scene, questions: RecordedQuestion[]) {
    this.#scene = scene;
    this.#end = scene.clock.monotonic() + scene.options.analysisMs;
    this.asked = questions;
  }

  /** Null when the time is over. The first run may use a fifth of it, so that there is time to compare. */
  async run(options: Record<string, unknown>): Promise<ReplayOutcome[] | null> {
    const first = Object.keys(options).length === 0;
    const { clock, signal } = this.#scene;
    const end = first ? clock.monotonic() + this.#scene.options.analysisMs / 5 : this.#end;
    const outcomes: ReplayOutcome[] = [];
    for (let start = 0; start < this.asked.length; start += CHUNK) {
      if (clock.monotonic() > end) {
        if (!first) return null;
        this.asked = this.asked.slice(0, start);
        break;
      }
      outcomes.push(...(await this.#scene.replay(this.asked.slice(start, start + CHUNK), { options }, signal)));
    }
    return outcomes;
  }
}

interface Best {
  value: number;
  outcomes: ReplayOutcome[];
  /** `strict`: more right answers; `loose`: fewer wrong ones. */
  kind: "strict" | "loose";
}

/** Of these values, nearest first, the one with the largest gain; null when none is worth it. */
async function bestOf(
  bench: ReplayBench,
  { key, values, now }: { key: string; values: number[]; now: ReplayOutcome[] },
): Promise<Best | null> {
  const [right, wrong] = [count(now, true), count(now, false)];
  let best: (Best & { gain: number }) | null = null;
  for (const value of values) {
    const outcomes = await bench.run({ [key.slice(SECTION.length)]: value });
    if (!outcomes) break;
    const moreRight = count(outcomes, true) - right;
    const moreWrong = count(outcomes, false) - wrong;
    const slack = TOLERATED * outcomes.length;
    const strict = moreRight >= LEAST_GAIN && moreWrong <= slack;
    const loose = -moreWrong >= LEAST_GAIN && -moreRight <= slack;
    const gain = moreRight - moreWrong;
    if ((strict || loose) && gain > (best?.gain ?? 0)) {
      best = { value, outcomes, gain, kind: strict ? "strict" : "loose" };
    }
  }
  return best;
}

function describe(
  scene: Scene,
  { key, best, now, asked }: { key: string; best: Best; now: ReplayOutcome[]; asked: RecordedQuestion[] },
): Problem {
  const { range, current } = scene.tunables[key]!;
  const strict = best.kind === "strict";
  const before = count(now, strict);
  const after = count(best.outcomes, strict);
  const changed = now.flatMap((outcome, index) => {
    const then = best.outcomes[index]!;
    if ((outcome.right === strict) === (then.right === strict)) return [];
    const text = asked[index]!.text.replaceAll(/\s+/g, " ").slice(0, 120);
    return [{ label: `${verdictOf(outcome)} -> ${verdictOf(then)}`, value: text, ref: outcome.questionId }];
  });
  const share = (figure: number) => Number((figure / now.length).toPrecision(4));
  return {
    code: strict ? "documents_too_strict" : "documents_too_loose",
    metric: strict ? "question.documents_answered" : "answer.judged_wrong",
    summary: strict
      ? `With ${key} ${best.value} instead of ${current()}, ${after} instead of ${before} of ${now.length} recorded questions are answered right.`
      : `With ${key} ${best.value} instead of ${current()}, ${after} instead of ${before} of ${now.length} recorded questions are answered wrong.`,
    evidence: [
      { label: "replayed questions (train split)", value: now.length },
      { label: "right now", value: count(now, true) },
      { label: `right at ${best.value}`, value: count(best.outcomes, true) },
      { label: "wrong now", value: count(now, false) },
      { label: `wrong at ${best.value}`, value: count(best.outcomes, false) },
      ...changed.slice(0, 10),
    ],
    candidates: [{ kind: "setting", key, from: current(), range, suggested: best.value }],
    baseline: share(before),
    expected: share(after),
  };
}

function count(outcomes: ReplayOutcome[], right: boolean): number {
  return outcomes.filter((outcome) => outcome.status === "answered" && outcome.right === right).length;
}

function verdictOf({ status, right }: ReplayOutcome): string {
  if (status === "declined") return "declined";
  return right ? "right" : "wrong";
}

/** Settings of the documents responder first: they are what this is about. */
function keysToTry({ tunables }: Scene): string[] {
  const keys = Object.keys(tunables).filter((key) => key.startsWith(SECTION));
  return keys.sort((a, b) => Number(b.includes(".documents.")) - Number(a.includes(".documents.")) || (a < b ? -1 : 1));
}

function below(scene: Scene, key: string): number[] {
  const { range, current } = scene.tunables[key]!;
  return ladder(current(), range.min, range.step);
}

function above(scene: Scene, key: string): number[] {
  const { range, current } = scene.tunables[key]!;
  return ladder(current(), range.max, range.step);
}

/** Up to five values from `from` (left out) to `to`, on multiples of the step, nearest first. */
function ladder(from: number, to: number, step: number): number[] {
  const steps = Math.floor(Math.abs(to - from) / step + 1e-9);
  const stride = Math.max(1, Math.ceil(steps / STEPS));
  const sign = Math.sign(to - from);
  return Array.from({ length: Math.floor(steps / stride) }, (_, index) =>
    Number((from + sign * step * stride * (index + 1)).toFixed(10)),
  );
}
