import type { Evidence, WeightedTerm } from "./port.ts";
import type { Terms } from "./terms.ts";

/** About five lines: what a reader takes in at once. Words that stand farther apart say little about each other. */
const WINDOW = 350;
const BREAK = /\n\s*\n|\n(?=\s*(?:[-*+#|]|\d+[.)]))/;

/** A passage as far as evidence needs it: the terms of its place and headings, and of its blocks of neighbouring lines. */
export interface Analysed {
  head: string[];
  blocks: { size: number; terms: string[] }[];
}

export function analyse({ head, text }: { head: string; text: string }, terms: Terms): Analysed {
  const blocks = text.split(BREAK).map((block) => ({ size: block.length, terms: terms.ofText(block) }));
  return { head: terms.ofText(head), blocks };
}

/**
 * How much of a question a passage holds: the share of its terms' weight found in the place and headings together with
 * the best few neighbouring lines, and in the place and headings alone.
 */
export function evidenceOf(question: WeightedTerm[], passage: Analysed): Evidence {
  const wanted = new Map(question.map(({ term, weight }) => [term, weight]));
  const total = question.reduce((sum, { weight }) => sum + weight, 0);
  if (total === 0) return { best: 0, heading: 0 };
  const found = (terms: string[]) => new Set(terms.filter((term) => wanted.has(term)));
  const inHead = found(passage.head);
  const blocks = passage.blocks.map(({ size, terms }) => ({ size, found: found(terms) }));
  const best = Math.max(...blocks.map((_block, first) => weightOf(windowFrom(blocks, first, inHead), wanted)));
  return { best: best / total, heading: weightOf(inHead, wanted) / total };
}

/** What is found in the head and the blocks from `first` on, as far as they fit into the window. */
function windowFrom(blocks: { size: number; found: Set<string> }[], first: number, head: Set<string>): Set<string> {
  const all = new Set(head);
  let size = 0;
  for (const block of blocks.slice(first)) {
    size += block.size;
    if (size > WINDOW && size > block.size) break;
    for (const term of block.found) all.add(term);
  }
  return all;
}

function weightOf(found: Set<string>, wanted: Map<string, number>): number {
  let sum = 0;
  for (const term of found) sum += wanted.get(term) ?? 0;
  return sum;
}
