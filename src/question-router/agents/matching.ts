import { Terms } from "../../adapters/search/index.ts";
import { globMatcher } from "../../foundation/glob.ts";

/** What a question is about, as capabilities are compared with it. */
export interface Subject {
  text: string;
  change: string | null;
  /** Documents that were found for it, best first. */
  paths: string[];
}

export interface Match {
  /** 0..1: 1 when all words of one capability stand in the question. */
  score: number;
  /** The capability that fits best, and why. */
  why: string;
}

/** A capability `*` takes every question, but is asked after those that name what it is about. */
const GENERALIST = 0.3;
const BY_PATH = 0.9;
/** Less than half of a capability's words is no match: they stand in other questions as well. */
export const ENOUGH = 0.5;

const terms = new Terms();

/** How well capabilities fit a question: by words, stemmed, or by documents that it names or that were found for it. */
export function matchOf(capabilities: string[], subject: Subject): Match {
  const asked = new Set(terms.ofText(`${subject.text} ${subject.change?.replaceAll("-", " ") ?? ""}`));
  const places = [...namedPaths(subject.text), ...subject.paths];
  if (subject.change !== null) places.push(`openspec/changes/${subject.change}/proposal.md`);
  let best: Match = { score: 0, why: "no capability fits" };
  for (const capability of capabilities) {
    const match =
      capability === "*" ? generalist : isGlob(capability) ? byPath(capability, places) : byWords(capability, asked);
    if (match.score > best.score) best = match;
  }
  return best;
}

const generalist: Match = { score: GENERALIST, why: "takes every question" };

function byWords(capability: string, asked: Set<string>): Match {
  const wanted = [...new Set(terms.ofQuestion(capability).map(({ term }) => term))];
  const found = wanted.filter((term) => asked.has(term)).length;
  const score = wanted.length === 0 ? 0 : found / wanted.length;
  return { score: score >= ENOUGH ? score : 0, why: `${found} of ${wanted.length} words of "${capability}"` };
}

function byPath(glob: string, places: string[]): Match {
  const fits = globMatcher([glob]);
  const place = places.find((path) => fits(path));
  return place === undefined ? { score: 0, why: "" } : { score: BY_PATH, why: `"${glob}" holds ${place}` };
}

function isGlob(capability: string): boolean {
  return /[/*]/.test(capability) && !/\s/.test(capability);
}

function namedPaths(text: string): string[] {
  return text.match(/[\w@.-]+(?:\/[\w@.-]+)+/g) ?? [];
}
