import type { Match } from "./matching.ts";
import type { Worker } from "./types.ts";

/** What is known of how an agent did. */
export interface Record {
  useful: number;
  wrong: number;
  answered: number;
  /** Offers that came back without an answer. */
  silent: number;
  /** Milliseconds from offer to answer, smoothed; null before the first. */
  latencyMs: number | null;
}

export interface Candidate {
  worker: Worker;
  match: Match;
  record: Record;
  /** Questions that it has now, its own ones included. */
  load: number;
}

export interface Chosen {
  worker: Worker;
  score: number;
  /** The parts of the score as one line. */
  why: string;
}

/** Prior of both Beta distributions: an unknown agent is taken for one that is right and answers three times of four. */
const PRIOR = { good: 3, bad: 1 };
/** The bonus of an agent that was never asked; it fades with the root of its answers, so that newcomers are tried. */
const EXPLORE = 0.1;

/** Weight of each new latency in the smoothed one. */
const SMOOTH = 0.3;

export function smoothed(before: number | null, ms: number): number {
  return before === null ? ms : before + SMOOTH * (ms - before);
}

/** Mean of the posterior that its answers are right. */
export function qualityOf({ useful, wrong }: Record): number {
  return posterior(useful, wrong);
}

/** Mean of the posterior that it answers what it is offered. */
export function reliabilityOf({ answered, silent }: Record): number {
  return posterior(answered, silent);
}

/**
 * Orders agents that can answer, best first. The score is a product, so that one bad part is not made good by another:
 * match x quality x reliability x speed x free places, and a small bonus for those who were asked little.
 */
export function choose(candidates: Candidate[], leaseMs: number): Chosen[] {
  return candidates
    .filter(({ worker, match, load }) => match.score > 0 && load < worker.maxLoad && worker.presence === "present")
    .map((candidate) => scored(candidate, leaseMs))
    .toSorted((a, b) => b.score - a.score || (a.worker.id < b.worker.id ? -1 : 1));
}

function scored({ worker, match, record, load }: Candidate, leaseMs: number): Chosen {
  const quality = qualityOf(record);
  const reliability = reliabilityOf(record);
  const speed = record.latencyMs === null ? 0.8 : 1 / (1 + record.latencyMs / leaseMs);
  const free = 1 - 0.5 * (load / worker.maxLoad);
  const explore = EXPLORE / Math.sqrt(1 + record.answered + record.silent);
  const score = match.score * quality * reliability * speed * free + explore;
  const parts = [
    `match ${match.score.toFixed(2)} (${match.why})`,
    `quality ${quality.toFixed(2)}`,
    `reliability ${reliability.toFixed(2)}`,
    `speed ${speed.toFixed(2)}`,
    `free ${free.toFixed(2)}`,
    `new ${explore.toFixed(2)}`,
  ];
  return { worker, score, why: `score ${score.toFixed(2)}: ${parts.join(", ")}` };
}

function posterior(good: number, bad: number): number {
  return (PRIOR.good + good) / (PRIOR.good + PRIOR.bad + good + bad);
}
