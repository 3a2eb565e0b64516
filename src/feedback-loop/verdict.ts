import type { Experiment } from "./experiment.ts";
import { metricNamed } from "./metrics/index.ts";
import type { ReplayOutcome } from "./ports.ts";
import { alphaAtLook, mcnemar, mean, median, pairsNeeded, signTest } from "./statistics.ts";

/** One recorded question, answered with and without the change. */
export interface Pair {
  questionId: string;
  first: "before" | "after";
  before: ReplayOutcome;
  after: ReplayOutcome;
}

interface GuardResult {
  metric: string;
  limit: number;
  before: number | null;
  after: number | null;
  /** How much worse it became: share absolute, milliseconds relative; below 0 it became better. */
  worse: number;
  held: boolean;
}

/** What a look at the pairs says, and everything that it says it from. */
export interface Verdict extends Measured {
  verdict: "kept" | "reverted" | "inconclusive";
  reason: string;
  /** The change did damage, so it is undone without waiting. */
  harmful: boolean;
  look: number;
  /** Chance of pairs like these if the change did nothing; exact McNemar or sign test, one-sided. */
  p: number;
  /** What p had to be below at this look. */
  threshold: number;
  guards: GuardResult[];
  needsPairs: number | null;
  needsDays: number | null;
  at: number;
}

interface Look {
  /** 1 for the first test; each spends a part of alpha. */
  look: number;
  /** Accepted answers of the validation split that come in a day. */
  pairsPerDay: number;
  at: number;
}

/** Times that differ by less are noise of the machine. */
const LEAST_MS = 5;

/**
 * Judges an experiment by pairs alone. Keeping needs enough pairs, an effect of the promised size, a p below this
 * look's share of alpha and every guard held; whatever is proven harmful is reverted; all else is inconclusive.
 */
export function decide(experiment: Experiment, pairs: Pair[], { look, pairsPerDay, at }: Look): Verdict {
  const { judge, primary } = experiment;
  const measured = measure(primary.name, pairs);
  const guards = experiment.guards.map((guard) => judgeGuard(guard, pairs));
  const threshold = alphaAtLook(judge.alpha, look);
  const { gained, lost } = measured;
  const facts = { ...measured, p: mcnemar(gained, lost), threshold, guards, look, at };
  const ruling = rule(experiment, facts);
  const needsPairs = ruling.verdict === "inconclusive" ? needed(experiment, facts) : null;
  const needsDays = needsPairs === null || pairsPerDay <= 0 ? null : Math.ceil(needsPairs / pairsPerDay);
  return { ...facts, ...ruling, needsPairs, needsDays };
}

type Facts = Omit<Verdict, "verdict" | "reason" | "harmful" | "needsPairs" | "needsDays">;

function rule({ judge, primary }: Experiment, facts: Facts): Pick<Verdict, "verdict" | "reason" | "harmful"> {
  const { pairs, gained, lost, p, effect, threshold, guards } = facts;
  const broken = guards.find(({ held }) => !held);
  if (broken) {
    const reason = `${broken.metric} became worse by ${show(broken.worse)}, more than ${show(broken.limit)}`;
    return { verdict: "reverted", reason, harmful: true };
  }
  const pWorse = mcnemar(lost, gained);
  if (pWorse <= judge.alpha) {
    const reason = `${primary.name} became worse: ${lost} questions lost, ${gained} gained (p ${show(pWorse)})`;
    return { verdict: "reverted", reason, harmful: true };
  }
  if (pairs === 0) return inconclusive(`${primary.name} could not be measured on any recorded question`);
  if (pairs < judge.minimumPairs)
    return inconclusive(`${pairs} pairs are fewer than the ${judge.minimumPairs} that were asked for`);
  const found = `${gained} questions gained, ${lost} lost, effect ${show(effect)}, p ${show(p)}`;
  if (p > threshold) return inconclusive(`${found}: not below ${show(threshold)}, so chance explains it`);
  if (effect < primary.minimumEffect)
    return inconclusive(`${found}: smaller than the ${show(primary.minimumEffect)} that was promised`);
  return { verdict: "kept", reason: `${found} (below ${show(threshold)})`, harmful: false };
}

function inconclusive(reason: string): Pick<Verdict, "verdict" | "reason" | "harmful"> {
  return { verdict: "inconclusive", reason, harmful: false };
}

function needed({ judge }: Experiment, { pairs, gained, lost, look }: Facts): number | null {
  if (pairs < judge.minimumPairs) return judge.minimumPairs - pairs;
  return pairsNeeded(gained, lost, pairs, alphaAtLook(judge.alpha, look + 1));
}

interface Measured {
  pairs: number;
  gained: number;
  lost: number;
  before: number | null;
  after: number | null;
  /** In the better direction: share absolute, milliseconds relative. */
  effect: number;
}

/** Both values of every pair that has both, with the better direction upwards. */
function measure(name: string, pairs: Pair[]): Measured {
  const metric = metricNamed(name);
  const values = pairs.flatMap(({ before, after }) => {
    const [a, b] = [metric?.replay?.(before) ?? null, metric?.replay?.(after) ?? null];
    return a === null || b === null ? [] : [{ before: a, after: b }];
  });
  if (!metric || values.length === 0) return { pairs: 0, gained: 0, lost: 0, before: null, after: null, effect: 0 };
  const sign = metric.better === "higher" ? 1 : -1;
  const relative = metric.unit === "ms";
  const differences = values.map(({ before, after }) => {
    const difference = (after - before) * sign;
    return relative ? difference / Math.max(before, 0.001) : difference;
  });
  const middle = relative ? median : mean;
  return {
    pairs: values.length,
    gained: differences.filter((difference) => difference > 0).length,
    lost: differences.filter((difference) => difference < 0).length,
    before: middle(values.map(({ before }) => before)),
    after: middle(values.map(({ after }) => after)),
    effect: middle(differences),
  };
}

/** Shares are compared as they are; times have to be worse beyond the noise of the machine and beyond chance. */
function judgeGuard({ metric: name, limit }: Experiment["guards"][number], pairs: Pair[]): GuardResult {
  const measured = measure(name, pairs);
  const { before, after, lost, gained } = measured;
  const worse = -measured.effect;
  const beyond = worse > limit + 1e-9;
  const isTime = metricNamed(name)?.unit === "ms";
  const noise = isTime && (Math.abs((after ?? 0) - (before ?? 0)) < LEAST_MS || signTest(lost, lost + gained) > 0.05);
  return { metric: name, limit, before, after, worse, held: !beyond || noise };
}

function show(value: number): string {
  return String(Number(value.toPrecision(3)));
}
