import type { Clock } from "../../foundation/clock.ts";
import type { EventBus } from "../../foundation/events.ts";
import type { Experiment } from "../experiment.ts";
import { metricNamed } from "../metrics/index.ts";
import type { LoopOptions } from "../options.ts";
import { CONFIG_FILE, pathsOf, settingIn } from "../plan.ts";
import type { LoopGit, RecordedQuestion, Replay, ReplayEnvironment, ReplayOutcome } from "../ports.ts";
import { seededRandom } from "../statistics.ts";
import type { LoopStore } from "../store.ts";
import type { ExperimentRow, PairRow } from "../tables.ts";
import { closeExperiment } from "./implement.ts";
import { decide, type Pair, type Verdict } from "../verdict.ts";

const DAY_MS = 86_400_000;
/** Questions replayed in one call. They are shuffled, and the environment that comes first alternates by group. */
const GROUP = 8;
/** With other documents each call works on a copy of the index, so groups are larger. */
const GROUP_WITH_DOCUMENTS = 50;
const SECTION = "questions.";

export interface MeasureDependencies {
  store: LoopStore;
  git: LoopGit;
  replay: Replay;
  events: EventBus;
  options: LoopOptions;
  clock: Clock;
}

/**
 * Fifth step of the loop: replays the recorded questions of the validation split with and without the change and
 * decides. Looks again only when a quarter more questions are there, because every look spends a part of alpha. The
 * verdict is durable before anything is done about it (`settle`).
 */
export async function measure(
  dependencies: MeasureDependencies,
  row: ExperimentRow,
  signal: AbortSignal,
): Promise<ExperimentRow> {
  const { store, git, clock } = dependencies;
  const experiment = JSON.parse(row.experiment) as Experiment;
  const { commit: head } = await git.head();
  if (!head || !(await git.isAncestor(row.implement_commit!, head))) {
    return store.set(row, { waiting: "the branch that is checked out does not contain the change" });
  }
  const overridden = await changedByHand(git, head, experiment);
  if (overridden) return closeExperiment(dependencies, row, overridden);
  const over = clock.now() >= row.implemented_at! + experiment.horizonDays * DAY_MS;
  const questions = await validationQuestions(dependencies, experiment);
  const due = isDue(row, questions.length);
  const verdict = due ? await look(dependencies, { row, experiment, questions }, signal) : lastOf(row);
  const looked = due ? { pairs_at_look: questions.length } : {};
  if (verdict.verdict === "inconclusive" && over) {
    const reason = `not decided within ${experiment.horizonDays} days: ${verdict.reason}`;
    return store.move(
      row,
      "reverted",
      { ...decided(row, { ...verdict, verdict: "reverted", reason }), ...looked },
      reason,
    );
  }
  if (verdict.look === 0 || verdict.at === lastOf(row).at) return row.waiting ? store.set(row, { waiting: null }) : row;
  return store.move(row, verdict.verdict, { ...decided(row, verdict), ...looked }, verdict.reason);
}

function decided(row: ExperimentRow, verdict: Verdict): Partial<ExperimentRow> {
  return { verdict: JSON.stringify(verdict), looks: Math.max(row.looks, verdict.look), settled: 0 };
}

/** What was said last; an empty verdict before the first look. */
function lastOf(row: ExperimentRow): Verdict {
  const none = {
    verdict: "inconclusive",
    reason: "it was never measured",
    harmful: false,
    look: 0,
    pairs: 0,
    gained: 0,
    lost: 0,
  };
  const nothing = {
    before: null,
    after: null,
    effect: 0,
    p: 1,
    threshold: 0,
    guards: [],
    needsPairs: null,
    needsDays: null,
    at: 0,
  };
  return row.verdict === null ? ({ ...none, ...nothing } as Verdict) : (JSON.parse(row.verdict) as Verdict);
}

function isDue(row: ExperimentRow, available: number): boolean {
  if (row.verdict === null) return true;
  return available >= row.pairs_at_look + Math.max(5, Math.ceil(row.pairs_at_look / 4));
}

/** A setting that has another value now was changed by somebody: what would be measured is not what is in force. */
async function changedByHand(git: LoopGit, head: string, { actions }: Experiment): Promise<string | null> {
  for (const action of actions) {
    if (action.kind !== "setting") continue;
    const text = (await git.read(head, CONFIG_FILE))?.toString("utf8") ?? "";
    const value = settingIn(text, action.key);
    if (value !== action.to) return `${action.key} is ${String(value)} now: somebody changed it while it was measured`;
  }
  return null;
}

/**
 * Questions with an accepted answer, and those that should be declined. The latter not where documents are changed: what
 * is written anew may answer them, and nobody has said how.
 */
async function validationQuestions(
  { replay, options }: MeasureDependencies,
  experiment: Experiment,
): Promise<RecordedQuestion[]> {
  const sameDocuments = pathsOf(experiment).every((path) => path === CONFIG_FILE);
  const recorded = await replay.recorded({ limit: options.replayQuestions, split: "validation" });
  return recorded.filter(
    ({ accepted, shouldDecline, split }) =>
      split === "validation" && (accepted !== null || (sameDocuments && shouldDecline)),
  );
}

interface Measured {
  row: ExperimentRow;
  experiment: Experiment;
  questions: RecordedQuestion[];
}

async function look(
  dependencies: MeasureDependencies,
  { row, experiment, questions }: Measured,
  signal: AbortSignal,
): Promise<Verdict> {
  const { store, clock, git, replay } = dependencies;
  const environments = await environmentsOf(git, row, experiment);
  const number = row.looks + 1;
  const random = seededRandom(`${row.id}/${number}`);
  const shuffled = questions.map((question) => ({ question, place: random() })).sort((a, b) => a.place - b.place);
  const pairs: Pair[] = [];
  let [first, second]: [Pair["first"], Pair["first"]] = random() < 0.5 ? ["before", "after"] : ["after", "before"];
  const size = Object.keys(environments.after.documents ?? {}).length > 0 ? GROUP_WITH_DOCUMENTS : GROUP;
  for (let start = 0; start < shuffled.length; start += size) {
    signal.throwIfAborted();
    const group = shuffled.slice(start, start + size).map(({ question }) => question);
    [first, second] = [second, first];
    const one = await replay.replay(group, environments[first], signal);
    const other = await replay.replay(group, environments[second], signal);
    const [before, after] = first === "before" ? [one, other] : [other, one];
    pairs.push(...pairUp(group, { first, before, after }));
  }
  const verdict = decide(experiment, pairs, { look: number, pairsPerDay: perDay(questions), at: clock.now() });
  await store.addPairs(pairs.map((pair) => pairRow(row.id, { number, metric: experiment.primary.name, pair })));
  return verdict;
}

async function environmentsOf(
  git: LoopGit,
  row: ExperimentRow,
  experiment: Experiment,
): Promise<Record<"before" | "after", ReplayEnvironment>> {
  const settings = experiment.actions.filter((action) => action.kind === "setting" && action.key.startsWith(SECTION));
  const optionsOf = (side: "from" | "to") =>
    Object.fromEntries(
      settings.flatMap((action) =>
        action.kind === "setting" ? [[action.key.slice(SECTION.length), action[side]]] : [],
      ),
    );
  const paths = pathsOf(experiment).filter((path) => path !== CONFIG_FILE);
  const documentsAt = async (commit: string) => {
    const contents = paths.map(
      async (path) => [path, (await git.read(commit, path))?.toString("utf8") ?? null] as const,
    );
    return Object.fromEntries(await Promise.all(contents));
  };
  return {
    before: { options: optionsOf("from"), documents: await documentsAt(`${row.implement_commit}^`) },
    after: { options: optionsOf("to"), documents: await documentsAt(row.implement_commit!) },
  };
}

/** Questions that both sides answered about, whatever order they came back in. */
function pairUp(
  questions: RecordedQuestion[],
  { first, before, after }: { first: Pair["first"]; before: ReplayOutcome[]; after: ReplayOutcome[] },
): Pair[] {
  const [old, young] = [before, after].map((side) => new Map(side.map((outcome) => [outcome.questionId, outcome])));
  return questions.flatMap(({ questionId }) => {
    const [a, b] = [old!.get(questionId), young!.get(questionId)];
    const comparable = a && b && !isUnknown(a) && !isUnknown(b);
    return comparable ? [{ questionId, first, before: a, after: b }] : [];
  });
}

/** Answered, and nobody knows whether rightly: such a question says nothing about either side. */
function isUnknown({ status, right }: ReplayOutcome): boolean {
  return status === "answered" && right === null;
}

function perDay(questions: RecordedQuestion[]): number {
  const times = questions.map(({ askedAt }) => askedAt);
  if (times.length < 2) return 0;
  const days = (times.reduce((a, b) => Math.max(a, b)) - times.reduce((a, b) => Math.min(a, b))) / DAY_MS;
  return times.length / Math.max(days, 1);
}

function pairRow(
  experimentId: string,
  { number, metric, pair }: { number: number; metric: string; pair: Pair },
): PairRow {
  const replay = metricNamed(metric)?.replay;
  const { before, after } = pair;
  return {
    experiment_id: experimentId,
    look: number,
    question_id: pair.questionId,
    first: pair.first,
    before_outcome: outcomeOf(before),
    after_outcome: outcomeOf(after),
    before_value: replay?.(before) ?? -1,
    after_value: replay?.(after) ?? -1,
    before_ms: before.ms,
    after_ms: after.ms,
  };
}

function outcomeOf({ status, right }: ReplayOutcome): string {
  if (status === "declined") return "declined";
  return right ? "right" : "wrong";
}
