import type { Evidence, WeightedTerm } from "./port.ts";
import type { Terms } from "./terms.ts";

/** About five lines: what a reader takes in at once. Words that stand farther apart say little about each other. */
const WINDOW = 350;
const BREAK = /\n\s*\n|\n(?=\s*(?:[-*+#|]|\d+[.)]))/;

/**
 * A passage as far as evidence needs it, in one piece of memory because thousands are kept: the different terms of its
 * place and headings and then of each block of neighbouring lines, as numbers; before each run stand the characters of
 * the block (0 for the head) and the length of the run.
 */
export type Analysed = Uint32Array;

export function analyse({ head, text }: { head: string; text: string }, terms: Terms): Analysed {
  const numbers: number[] = [];
  const put = (size: number, run: string) => {
    const different = new Set(terms.numbersOf(run));
    numbers.push(size, different.size, ...different);
  };
  put(0, head);
  for (const block of text.split(BREAK)) put(block.length, block);
  return Uint32Array.from(numbers);
}

/** The terms of one question by number, for looking through many passages. */
export interface Wanted {
  /** Number of a term -> its place in `weights`. */
  places: Map<number, number>;
  weights: number[];
  total: number;
}

export function wantedOf(question: WeightedTerm[], terms: Terms): Wanted {
  const places = new Map<number, number>();
  for (const [place, { term }] of question.entries()) {
    const number = terms.numberOf(term);
    if (number !== undefined) places.set(number, place);
  }
  const weights = question.map(({ weight }) => weight);
  return { places, weights, total: weights.reduce((sum, weight) => sum + weight, 0) };
}

/**
 * How much of a question a passage holds: the share of its terms' weight found in the place and headings together with
 * the best few neighbouring lines, in the place and headings alone, and in the first lines alone.
 */
export function evidenceOf(wanted: Wanted, passage: Analysed): Evidence {
  if (wanted.total === 0) return { best: 0, heading: 0, opening: 0 };
  const runs = runsOf(wanted.places, passage);
  const [head, ...blocks] = runs;
  const inHead = new Set(head!.found);
  let best = 0;
  for (let first = 0; first < blocks.length; first += 1) {
    // A window is best where it begins with something.
    if (first > 0 && blocks[first]!.found.length === 0) continue;
    best = Math.max(best, weightOf(windowFrom(blocks, first, inHead), wanted.weights));
  }
  const share = (found: Set<number>) => weightOf(found, wanted.weights) / wanted.total;
  return { best: best / wanted.total, heading: share(inHead), opening: share(new Set(blocks[0]?.found)) };
}

interface Run {
  size: number;
  /** Places of the wanted terms that stand in it. */
  found: number[];
}

function runsOf(places: Map<number, number>, passage: Analysed): Run[] {
  const runs: Run[] = [];
  for (let at = 0; at < passage.length;) {
    const size = passage[at]!;
    const end = at + 2 + passage[at + 1]!;
    const found: number[] = [];
    for (let index = at + 2; index < end; index += 1) {
      const place = places.get(passage[index]!);
      if (place !== undefined) found.push(place);
    }
    runs.push({ size, found });
    at = end;
  }
  return runs;
}

/** What is found in the head and the blocks from `first` on, as far as they fit into the window. */
function windowFrom(blocks: Run[], first: number, head: Set<number>): Set<number> {
  const all = new Set(head);
  let size = 0;
  for (let at = first; at < blocks.length; at += 1) {
    const block = blocks[at]!;
    size += block.size;
    if (size > WINDOW && size > block.size) break;
    for (const place of block.found) all.add(place);
  }
  return all;
}

function weightOf(found: Set<number>, weights: number[]): number {
  let sum = 0;
  for (const place of found) sum += weights[place]!;
  return sum;
}
