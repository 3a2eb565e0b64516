import {
  EXPERIMENT_FILE,
  experimentFingerprint,
  lessonPath,
  LOOP_AUTHOR,
  renderExperiment,
  slug,
  type Action,
  type Experiment,
} from "./experiment.ts";
import type { Hypothesis } from "./hypotheses.ts";
import type { LoopOptions } from "./options.ts";
import type { ChangeDraft } from "./ports.ts";
import type { Problem } from "./problem.ts";

/** Share of wrong answers (absolute) and time (relative) that an experiment may cost. */
const WRONG_LIMIT = 0.02;
const TIME_LIMIT = 0.5;

/** The pre-registered measurement of a hypothesis. */
export function experimentOf(
  problem: Problem,
  idea: Hypothesis,
  { options, at }: { options: LoopOptions; at: number },
): Experiment {
  const { action, primary, statement } = idea;
  const guards = [
    { metric: "answer.judged_wrong", limit: WRONG_LIMIT },
    { metric: "question.documents_answered", limit: WRONG_LIMIT },
    { metric: "question.time_to_answer", limit: TIME_LIMIT },
  ].filter(({ metric }) => metric !== primary.name);
  const experiment: Experiment = {
    version: 1,
    hypothesis: statement,
    primary,
    baseline: primary.name === problem.metric ? problem.baseline : null,
    expected: primary.name === problem.metric ? problem.expected : null,
    guards,
    judge: {
      kind: "paired_replay",
      sample: "questions",
      split: "validation",
      minimumPairs: options.minimumPairs,
      alpha: options.alpha,
    },
    horizonDays: options.horizonDays,
    unit: "question",
    actions: [action],
    undo: {
      kind: "revert_commit",
      settings: action.kind === "setting" ? [{ key: action.key, value: action.from }] : [],
    },
    proposedAt: new Date(at).toISOString(),
    author: LOOP_AUTHOR,
  };
  return { ...experiment, fingerprint: experimentFingerprint(experiment) };
}

/** The OpenSpec change that proposes an experiment. */
export function changeOf(problem: Problem, idea: Hypothesis, experiment: Experiment): ChangeDraft {
  const what = describeAction(idea.action);
  const id = `${changeName(idea.action)}-${experimentFingerprint(experiment).slice(0, 6)}`;
  return {
    id,
    title: what,
    why: `${plain(idea.why)}\n\n${figures(problem)}`,
    whatChanges: [
      `${what}.`,
      `Nothing else. ${EXPERIMENT_FILE} says how it is judged; the change is undone when it does not help.`,
    ],
    impact: [
      `Hypothesis: ${experiment.hypothesis}`,
      `Judged by paired replay of at least ${experiment.judge.minimumPairs} recorded questions that this proposal was not made from.`,
      `Undecided after ${experiment.horizonDays} days, it is reverted.`,
    ],
    design: design(problem, idea, experiment),
    tasks: [
      { group: "Approve", items: ["Merge this branch to approve the experiment, or delete it to reject the proposal"] },
      {
        group: "Carry out (done by specloop)",
        items: [what, "Measure by paired replay and keep or revert", "Write the verdict into this change"],
      },
    ],
    deltas: [],
    skipSpecs: true,
    extraFiles: { [EXPERIMENT_FILE]: renderExperiment(experiment) },
    goal: experiment.hypothesis,
  };
}

function describeAction(action: Action): string {
  if (action.kind === "setting") return `Set ${action.key} to ${action.to} instead of ${action.from}`;
  if (action.kind === "document") return `Edit ${action.path}`;
  return `Write down a known answer in ${lessonPath(action.title)}`;
}

function changeName(action: Action): string {
  if (action.kind === "setting") return `tune-${slug(action.key.replaceAll(/([a-z])([A-Z])/g, "$1-$2"))}`;
  return action.kind === "document" ? `edit-${slug(action.path)}` : `note-${slug(action.title)}`;
}

/** The evidence as a list: figures only, text of recorded questions is quoted in design.md. */
function figures({ evidence }: Problem): string {
  const numbers = evidence.filter(({ value }) => typeof value === "number").slice(0, 8);
  return numbers.map(({ label, value }) => `- ${label}: ${value}`).join("\n");
}

function design(problem: Problem, idea: Hypothesis, experiment: Experiment): string {
  const rows = problem.evidence.map(
    ({ label, value, ref }) => `| ${cell(label)} | ${cell(String(value))} | ${cell(ref ?? "")} |`,
  );
  const others = problem.candidates.map((candidate) =>
    candidate.kind === "setting"
      ? `- ${candidate.key}, now ${candidate.from}, may be ${candidate.range.min} to ${candidate.range.max}${candidate.suggested === null ? "" : `; the evidence speaks for ${candidate.suggested}`}.`
      : `- Writing down the answer to question ${candidate.question}.`,
  );
  const guards = experiment.guards.map(({ metric, limit }) => `- ${metric} may become worse by ${limit} at most.`);
  return [
    "# Design",
    `Found by: ${problem.code} (${problem.metric}). Drafted by: ${idea.draftedBy}.`,
    "## Evidence",
    `| what | value | row |\n|---|---|---|\n${rows.join("\n")}`,
    "## Alternatives",
    [...others, "- Doing nothing: the figures above stay as they are."].join("\n"),
    "## Guards",
    guards.join("\n"),
    "## Undo",
    "The commit that carries this out is reverted as a whole.",
  ].join("\n\n");
}

function cell(text: string): string {
  return plain(text.slice(0, 300));
}

/** Recorded text on one line: no paragraph, list item or table cell ends in it, and markdown and HTML read it as words. */
function plain(text: string): string {
  return text.replaceAll(/\s+/g, " ").replaceAll(/[|\\`<[\]]/g, (character) => `\\${character}`);
}
