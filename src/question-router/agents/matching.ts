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

/** A capability, taken apart once: every question is compared with those of all agents. */
type Compiled = { capability: string } & (
  | { kind: "anything" }
  | { kind: "glob"; fits: (path: string) => boolean }
  | { kind: "words"; wanted: string[] }
);
interface Asked {
  words: Set<string>;
  places: string[];
}

/** By the lists of the agents and by the questions themselves, so that they are kept no longer than these. */
const compiledLists = new WeakMap<readonly string[], Compiled[]>();
const askedSubjects = new WeakMap<Subject, Asked>();

/** How well capabilities fit a question: by words, stemmed, or by documents that it names or that were found for it. */
export function matchOf(capabilities: readonly string[], subject: Subject): Match {
  const asked = kept(askedSubjects, subject, askedOf);
  let best: Match = { score: 0, why: "no capability fits" };
  for (const compiled of kept(compiledLists, capabilities, (list) => list.map(compile))) {
    const match = matchWith(compiled, asked);
    if (match.score > best.score) best = match;
  }
  return best;
}

function kept<Key extends object, Value>(cache: WeakMap<Key, Value>, key: Key, make: (key: Key) => Value): Value {
  const known = cache.get(key);
  if (known !== undefined) return known;
  const made = make(key);
  cache.set(key, made);
  return made;
}

function askedOf({ text, change, paths }: Subject): Asked {
  const words = new Set(terms.ofText(`${text} ${change?.replaceAll("-", " ") ?? ""}`));
  const places = [...namedPaths(text), ...paths];
  if (change !== null) places.push(`openspec/changes/${change}/proposal.md`);
  return { words, places };
}

function compile(capability: string): Compiled {
  if (capability === "*") return { capability, kind: "anything" };
  if (isGlob(capability)) return { capability, kind: "glob", fits: globMatcher([capability]) };
  const wanted = [...new Set(terms.ofQuestion(capability).map(({ term }) => term))];
  return { capability, kind: "words", wanted };
}

const generalist: Match = { score: GENERALIST, why: "takes every question" };
const none: Match = { score: 0, why: "" };

function matchWith(compiled: Compiled, { words, places }: Asked): Match {
  if (compiled.kind === "anything") return generalist;
  const { capability } = compiled;
  if (compiled.kind === "glob") {
    const place = places.find((path) => compiled.fits(path));
    return place === undefined ? none : { score: BY_PATH, why: `"${capability}" holds ${place}` };
  }
  const { length } = compiled.wanted;
  const found = compiled.wanted.filter((term) => words.has(term)).length;
  const score = length === 0 ? 0 : found / length;
  return { score: score >= ENOUGH ? score : 0, why: `${found} of ${length} words of "${capability}"` };
}

function isGlob(capability: string): boolean {
  return /[/*]/.test(capability) && !/\s/.test(capability);
}

function namedPaths(text: string): string[] {
  return text.match(/[\w@.-]+(?:\/[\w@.-]+)+/g) ?? [];
}
