import { z } from "zod";
import { generateStructured, neutralise, wrapUntrusted, type Llm } from "../adapters/llm/index.ts";
import { toSpecloopError } from "../foundation/errors.ts";
import type { Action, Experiment } from "./experiment.ts";
import { METRICS, metricNamed } from "./metrics/index.ts";
import type { Candidate, Problem } from "./problem.ts";

/** An idea about one problem: an action that we offered, and what it should do to a metric that we know. */
export interface Hypothesis {
  action: Action;
  primary: Experiment["primary"];
  /** One sentence that can turn out false. */
  statement: string;
  why: string;
  /** `template` or `model <name>`. */
  draftedBy: string;
}

/** What was not taken, and why: shown with the cycle. */
export interface Dropped {
  what: string;
  reason: string;
}

const MAX_WORDS = 400;
const LEAST_EFFECT = 0.02;

/** What the detector's own evidence speaks for; none where it only raised an alarm. */
export function templateHypotheses(problem: Problem): Hypothesis[] {
  const metric = metricNamed(problem.metric);
  if (!metric?.replay) return [];
  return problem.candidates.slice(0, 1).flatMap((candidate) => {
    const action = actionOf(candidate, null);
    if (!action) return [];
    const effect = Math.abs((problem.expected ?? 0) - (problem.baseline ?? 0)) / 2;
    const minimumEffect = Math.min(0.05, Math.max(LEAST_EFFECT, Number(effect.toPrecision(2))));
    const primary = { name: metric.name, better: metric.better, minimumEffect };
    return [{ action, primary, statement: stateOf(action, primary), why: problem.summary, draftedBy: "template" }];
  });
}

const answer = z.object({
  hypotheses: z
    .array(
      z.object({
        why: z.string().describe("At most 60 words: why this should help, from the figures given."),
        candidate: z.int().describe("Number of one of the candidates."),
        value: z.number().nullable().describe("New value for a setting, inside its range; null for others."),
        metric: z.int().describe("Number of one of the metrics."),
        minimumEffect: z.number().describe("Smallest effect worth keeping, 0.01 to 0.5."),
      }),
    )
    .max(3),
  done: z.literal(true),
});

interface ModelCall {
  llm: Llm;
  maxTokens: number;
  signal: AbortSignal;
}

export type ModelResult =
  | { ok: true; hypotheses: Hypothesis[]; dropped: Dropped[]; model: string }
  | { ok: false; reason: string };

/**
 * Lets the model choose among numbered candidates and give reasons. Whatever it writes is data: numbers outside the
 * lists, values outside the range and words with links are dropped with the reason. Never throws.
 */
export async function modelHypotheses(problem: Problem, { llm, maxTokens, signal }: ModelCall): Promise<ModelResult> {
  if (problem.candidates.length === 0) return { ok: false, reason: "there is nothing to choose from" };
  try {
    const request = { messages: prompt(problem), purpose: "loop.hypothesis", maxTokens, temperature: 0 };
    const { value, model } = await generateStructured(llm, { request, schema: answer, signal });
    const dropped: Dropped[] = [];
    const hypotheses = value.hypotheses.flatMap((idea) => {
      const checked = check(problem, idea);
      if (typeof checked !== "string") return [{ ...checked, draftedBy: `model ${model}` }];
      dropped.push({ what: `an idea of ${model}`, reason: checked });
      return [];
    });
    return { ok: true, hypotheses, dropped, model };
  } catch (error) {
    const { code, message } = toSpecloopError(error);
    return { ok: false, reason: `${code}: ${message}` };
  }
}

type Idea = z.output<typeof answer>["hypotheses"][number];

/** The checked hypothesis, or why it is none. */
function check(problem: Problem, idea: Idea): Omit<Hypothesis, "draftedBy"> | string {
  const candidate = problem.candidates[idea.candidate - 1];
  if (!candidate) return `candidate ${idea.candidate} does not exist`;
  const metric = judgedMetrics()[idea.metric - 1];
  if (!metric) return `metric ${idea.metric} does not exist`;
  const action = actionOf(candidate, idea.value);
  if (!action) return "a setting needs a value";
  const range = candidate.kind === "setting" ? candidate.range : null;
  if (action.kind === "setting" && range) {
    if (action.to < range.min || action.to > range.max) return `${action.to} is outside ${range.min} to ${range.max}`;
    if (action.to === action.from) return `${action.to} is the value it has`;
  }
  if (!(idea.minimumEffect >= 0.01 && idea.minimumEffect <= 0.5)) return `${idea.minimumEffect} is no useful effect`;
  const words = plainWords(idea.why);
  if (words === null) return "its words hold a link";
  const primary = { name: metric.name, better: metric.better, minimumEffect: idea.minimumEffect };
  return {
    action,
    primary,
    statement: stateOf(action, primary),
    why: `${problem.summary} The model's reason: ${words}`,
  };
}

function actionOf(candidate: Candidate, value: number | null): Action | null {
  if (candidate.kind === "lesson") return { kind: "lesson", title: candidate.title, text: candidate.text };
  const to = value ?? candidate.suggested;
  return to === null
    ? null
    : { kind: "setting", key: candidate.key, from: candidate.from, to: onStep(to, candidate.range.step) };
}

function onStep(value: number, step: number): number {
  return Number((Math.round(value / step) * step).toFixed(10));
}

function stateOf(action: Action, { name, better, minimumEffect }: Experiment["primary"]): string {
  const percent = `${Number((minimumEffect * 100).toPrecision(3))} %`;
  const doing = {
    setting: () => (action.kind === "setting" ? `Setting ${action.key} to ${action.to} instead of ${action.from}` : ""),
    lesson: () => (action.kind === "lesson" ? `Writing down the answer to "${action.title}"` : ""),
    document: () => (action.kind === "document" ? `Editing ${action.path}` : ""),
  }[action.kind]();
  return `${doing} makes ${name} ${better} by at least ${percent}.`;
}

/** One line without markup; null when it holds an address, which has no place in a reason. */
function plainWords(text: string): string | null {
  const line = neutralise(text)
    .replaceAll(/[#`<>[\]*_|\\]/g, " ")
    .replaceAll(/\s+/g, " ")
    .trim();
  if (/\bhttps?:|\bwww\.|:\/\//i.test(line)) return null;
  return line.slice(0, MAX_WORDS) || "none given.";
}

function judgedMetrics() {
  return METRICS.filter((metric) => metric.replay);
}

function prompt(problem: Problem): { role: "system" | "user"; content: string }[] {
  const figures = problem.evidence.map(({ label, value }) => `${label}: ${value}`).join("\n");
  const { block, rule } = wrapUntrusted([{ label: "figures and recorded questions", text: figures }]);
  const candidates = problem.candidates.map((candidate, index) =>
    candidate.kind === "setting"
      ? `${index + 1}. Change the setting ${candidate.key}: now ${candidate.from}, range ${candidate.range.min} to ${candidate.range.max}, step ${candidate.range.step}${candidate.suggested === null ? "" : `, the evidence speaks for ${candidate.suggested}`}`
      : `${index + 1}. Write down the accepted answer to one of the recorded questions`,
  );
  const metrics = judgedMetrics().map(
    ({ name, what, better }, index) => `${index + 1}. ${name} (${better} is better): ${what}`,
  );
  return [
    {
      role: "system",
      content:
        "You help to improve a question answering tool by small experiments that are measured and undone when they do not help. " +
        "Choose up to three of the numbered candidates, say which numbered metric should move and why. " +
        `Use only the numbers given. ${rule} Answer with JSON only.`,
    },
    {
      role: "user",
      content: `Problem: ${problem.code} (${problem.metric})\n\nCandidates:\n${candidates.join("\n")}\n\nMetrics:\n${metrics.join("\n")}\n\n${block}`,
    },
  ];
}
