import type { Hit, Meaning, SearchIndex, WeightedTerm } from "../adapters/search/index.ts";
import { confidenceOf } from "./confidence.ts";
import { normalise } from "./key.ts";
import { isCode } from "./sources/index.ts";
import { standingOf } from "./standing.ts";
import type { Kind } from "./types.ts";

/** A passage that may answer, with the share (0..1) of the question that it holds, by words or by meaning. */
export interface Candidate {
  hit: Hit;
  evidence: number;
  /** How probable it is that it answers, 0..1; see `confidence.ts`. */
  confidence: number;
  /** What it was ordered by; comparable within one question only. */
  score: number;
}

export interface Retrieved {
  terms: WeightedTerm[];
  /** Best first. */
  candidates: Candidate[];
}

/**
 * Weights of the reranking, in ranks of the search (0.01 each). Chosen on one half of the labelled questions of
 * `test/retrieval/labelled`; `docs/retrieval.md` has what they do on the other half.
 */
const RANK = 0.01;
const HEADING = 0.15;
const WINDOW = 0.1;
const OPENING = 0.1;
const AUTHORITY = 0.2;
/** What a capability is for is seldom what is asked about it, and its words are those of all its requirements. */
const PURPOSE = -0.15;
/** Who names a heading word for word means that section, however many of its words stand in others as well. */
const NAMED = 0.3;

/** From one comment in so many hits on, so many times as many are looked at. */
const CROWDED = 4;
const CROWD = 4;

export interface RetrievalOptions {
  limit: number;
  /** What the question means to the model that embedded the passages. */
  meaning?: QuestionMeaning | undefined;
  mayRead?: ((path: string) => boolean) | undefined;
}

/** The meaning of a question, and from which nearness on a passage counts as one that says it. */
export interface QuestionMeaning extends Meaning {
  /** Cosine, 0..1, that stands for evidence of `minScore` and confidence; nearer passages come up to 1. */
  minSimilarity: number;
  minScore: number;
}

/** Looks up the passages for a question and orders them by rank, evidence and what kind of document they stand in. */
export function retrieve(
  index: SearchIndex,
  question: { text: string; change: string | null; kind?: Kind | undefined },
  options: RetrievalOptions,
): Retrieved {
  const terms = index.weigh(question.text);
  const asked = normalise(question.text);
  const reasons = asksForReasons(question);
  const scored = hitsOf(index, question.text, options).map((hit, rank) => {
    const { best, heading, opening } = index.evidence(terms, hit);
    const near = nearness(hit.similarity, options.meaning);
    const evidence = Math.max(best, onScale(near, options.meaning?.minScore));
    const named = namesHeading(asked, hit.heading) ? NAMED : 0;
    const place = AUTHORITY * authorityOf(hit.path, question.change, reasons) + (isPurpose(hit) ? PURPOSE : 0);
    const words = HEADING * heading + WINDOW * evidence + OPENING * opening;
    const score = place + named + words - RANK * rank;
    const proposed = !reasons && standingOf(hit.path).standing !== "in_force";
    const byWords = confidenceOf({ evidence: best, heading, opening, terms: terms.length, proposed });
    return { hit, evidence, confidence: Math.max(byWords, onScale(near, options.meaning?.minScore)), score };
  });
  return { terms, candidates: scored.sort((a, b) => b.score - a.score).slice(0, options.limit) };
}

/** What is found; of comments there are many, so where they crowd the documents out it is looked farther. */
function hitsOf(index: SearchIndex, text: string, options: RetrievalOptions): Hit[] {
  const hits = index.search(text, options);
  const comments = hits.filter(({ path }) => isCode(path)).length;
  return comments * CROWDED > hits.length ? index.search(text, { ...options, limit: options.limit * CROWD }) : hits;
}

/** How far a passage is on the way from the least similarity that counts (0) to the same meaning (1); null below it. */
function nearness(similarity: number | null, meaning: QuestionMeaning | undefined): number | null {
  if (similarity === null || !meaning || similarity < meaning.minSimilarity) return null;
  return (similarity - meaning.minSimilarity) / Math.max(1e-6, 1 - meaning.minSimilarity);
}

/** Nearness on a scale whose threshold it reaches as soon as it counts; 0 where it does not. */
function onScale(near: number | null, threshold: number | undefined): number {
  return near === null || threshold === undefined ? 0 : Math.min(1, threshold + (1 - threshold) * near);
}

/**
 * What a document is worth as a source: what holds now before what is written about it, and both before what is only
 * proposed; the documents of the change that the question is about come first. Why something was decided stands in
 * proposals and designs, so there they are worth more.
 */
function authorityOf(path: string, change: string | null, reasons: boolean): number {
  if (change !== null && path.includes(`/changes/${change}/`)) return 1.2;
  if (/(?:^|\/)openspec\/specs\//.test(path)) return 1;
  return /(?:^|\/)openspec\/changes\//.test(path) ? (reasons ? 1.5 : 0.3) : isCode(path) ? 0 : 0.8;
}

/** Whether it is asked why something is as it is, or how far something has come. */
function asksForReasons({ text, kind }: { text: string; kind?: Kind | undefined }): boolean {
  return kind === "decision" || kind === "status" || /^\s*(?:why\b|为什么|为何|なぜ)/i.test(text);
}

function isPurpose({ path, heading }: Hit): boolean {
  return /^purpose$/i.test(heading) && /(?:^|\/)openspec\/specs\//.test(path);
}

/** Whether the question holds a heading of two words or more (or four characters of Chinese or Japanese) as a whole. */
function namesHeading(asked: string, heading: string): boolean {
  const name = normalise(heading.replace(/^(?:Requirement|Scenario):/i, ""));
  const long = name.includes(" ") || /\p{Script=Han}{4}/u.test(name);
  return long && ` ${asked} `.includes(` ${name} `);
}
