import type { Kysely } from "kysely";
import type { Llm } from "../adapters/llm/index.ts";
import type { Clock } from "../foundation/clock.ts";
import type { EventBus } from "../foundation/events.ts";
import { newId } from "../foundation/ids.ts";
import type { Logger } from "../foundation/logger.ts";
import type { Live } from "../foundation/options.ts";
import { modelHypotheses, templateHypotheses, type Dropped, type Hypothesis } from "./hypotheses.ts";
import type { LoopOptions } from "./options.ts";
import type { LoopGit, Proposals, Replay, Tunables } from "./ports.ts";
import { problemFingerprint, type Problem } from "./problem.ts";
import { analyze } from "./steps/analyze.ts";
import { propose } from "./steps/propose.ts";
import type { LoopStore } from "./store.ts";
import type { ProposalRow, SampleTables } from "./tables.ts";

const DAY_MS = 86_400_000;
const NO_MODEL = "no model is used";
/** Errors that the next problem would meet as well. */
const GONE = ["llm_none", "llm_unreachable", "llm_no_model", "llm_auth", "llm_timeout", "llm_overloaded"];

/** What one turn found and did. Times are milliseconds; `ms` is without the model's part. */
export interface CycleReport {
  cycleId: string;
  problems: { code: string; metric: string; summary: string; candidates: number }[];
  proposals: { proposalId: string; changeId: string; branch: string | null; title: string; draftedBy: string }[];
  dropped: Dropped[];
  ms: number;
  modelMs: number;
  /** The model that took part; null when templates served. */
  model: string | null;
}

export interface CycleDependencies {
  store: LoopStore;
  samples: Kysely<SampleTables>;
  events: EventBus;
  clock: Clock;
  logger: Logger;
  options: Live<LoopOptions>;
  git: LoopGit;
  proposals: Proposals;
  replay: Replay;
  tunables: Tunables;
  llm: Llm | null;
  publishing: Set<string>;
}

/** One turn: analyze, ask the model where there is one, propose. Everything it finds is recorded. */
export async function runCycle(dependencies: CycleDependencies, signal: AbortSignal): Promise<CycleReport> {
  const { store, clock, events } = dependencies;
  const options = dependencies.options.current;
  const start = clock.monotonic();
  const cycleId = newId("cy");
  await store.beginCycle(cycleId);
  const problems = await analyze({ ...dependencies, options }, signal);
  await store.addProblems(problems.map((problem, index) => problemRow(cycleId, index, problem)));
  const drafting = new Drafting(dependencies, signal);
  const dropped: Dropped[] = [];
  const proposed: ProposalRow[] = [];
  for (const [index, problem] of problems.entries()) {
    const ideas = await drafting.ideas(problem);
    dropped.push(...ideas.dropped);
    for (const hypothesis of ideas.hypotheses) {
      const idea = { problem, problemId: problemId(cycleId, index), hypothesis };
      const result = await propose(dependencies, idea, { options, cycleId });
      if ("id" in result) proposed.push(result);
      else dropped.push(result);
    }
  }
  const { modelMs, model, calls } = drafting;
  const ms = clock.monotonic() - start - modelMs;
  const figures = { problems: problems.length, proposals: proposed.length };
  await store.finishCycle(cycleId, {
    ms,
    model_ms: modelMs,
    model,
    model_calls: calls,
    ...figures,
    dropped: JSON.stringify(dropped),
  });
  events.emit("cycle.finished", { cycleId, ...figures, ms, modelMs });
  return {
    cycleId,
    problems: problems.map(({ code, metric, summary, candidates }) => ({
      code,
      metric,
      summary,
      candidates: candidates.length,
    })),
    proposals: proposed.map((row) => ({
      proposalId: row.id,
      changeId: row.change_id,
      branch: row.branch,
      title: row.title,
      draftedBy: row.drafted_by,
    })),
    dropped,
    ms,
    modelMs,
    model,
  };
}

/** Ideas about problems, from the model while its time and calls last, from the templates otherwise. */
class Drafting {
  readonly #dependencies: CycleDependencies;
  readonly #signal: AbortSignal;
  modelMs = 0;
  model: string | null = null;
  calls = 0;
  /** Why the model is not asked again in this cycle. */
  #gone: string | null = null;

  constructor(dependencies: CycleDependencies, signal: AbortSignal) {
    this.#dependencies = dependencies;
    this.#signal = signal;
  }

  async ideas(problem: Problem): Promise<{ hypotheses: Hypothesis[]; dropped: Dropped[] }> {
    const template = templateHypotheses(problem);
    if (problem.candidates.length === 0) {
      return {
        hypotheses: [],
        dropped: [{ what: problem.summary, reason: "nothing that can be tried is known: a person has to look" }],
      };
    }
    const result = await this.#ask(problem);
    this.#signal.throwIfAborted();
    if (result === NO_MODEL) return { hypotheses: template, dropped: [] };
    if (typeof result === "string") {
      return {
        hypotheses: template,
        dropped: [{ what: `the model's ideas about: ${problem.summary}`, reason: result }],
      };
    }
    return { hypotheses: result.hypotheses.length > 0 ? result.hypotheses : template, dropped: result.dropped };
  }

  async #ask(problem: Problem): Promise<{ hypotheses: Hypothesis[]; dropped: Dropped[] } | string> {
    const { llm, store, clock, options } = this.#dependencies;
    const { enabled, timeoutMs, maxTokens, callsPerDay } = options.current.model;
    if (!llm || !enabled) return NO_MODEL;
    if (this.#gone) return this.#gone;
    const left = timeoutMs - this.modelMs;
    if (left <= 0) return "the model's time for this cycle is used up";
    const spent = (await store.modelCalls(clock.now() - DAY_MS)) + this.calls;
    if (spent >= callsPerDay) return `${spent} model calls in 24 hours, and loop.model.callsPerDay is ${callsPerDay}`;
    const start = clock.monotonic();
    this.calls += 1;
    // AbortSignal.timeout takes whole milliseconds only and throws for others.
    const limit = AbortSignal.any([this.#signal, AbortSignal.timeout(Math.ceil(left))]);
    const result = await modelHypotheses(problem, { llm, maxTokens, signal: limit });
    this.modelMs += clock.monotonic() - start;
    if (!result.ok) {
      if (GONE.some((code) => result.reason.startsWith(code))) this.#gone = result.reason;
      return result.reason;
    }
    this.model = result.model;
    return result;
  }
}

function problemRow(cycleId: string, index: number, problem: Problem) {
  const { code, metric, summary } = problem;
  return {
    id: problemId(cycleId, index),
    cycle_id: cycleId,
    code,
    metric,
    summary,
    evidence: JSON.stringify(problem.evidence),
    candidates: JSON.stringify(problem.candidates),
    fingerprint: problemFingerprint(problem),
  };
}

function problemId(cycleId: string, index: number): string {
  return `${cycleId}/${String(index + 1).padStart(2, "0")}`;
}
