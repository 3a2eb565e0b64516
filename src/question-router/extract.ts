import type { Passage, SearchIndex, WeightedTerm } from "../adapters/search/index.ts";
import { type Block, blocksOf } from "./blocks.ts";

/** A passage up to this size is given whole. */
const WHOLE = 900;
/** What is taken of a longer one. */
const BUDGET = 900;

/**
 * The lines of a passage that answer a question, as they stand there: whole when it is short, else the first block (in a
 * requirement the sentence that says what must be) and the blocks that hold most of the question, in their order, with
 * `…` where something was left out.
 */
export function extract(
  passage: Passage,
  terms: WeightedTerm[],
  index: SearchIndex,
): { text: string; startLine: number; endLine: number } {
  const { text, startLine, endLine } = passage;
  if (text.length <= WHOLE) return { text, startLine, endLine };
  const blocks = blocksOf(text, BUDGET);
  const chosen = choose(
    blocks,
    blocks.map((block) => index.coverage(terms, block.text)),
  );
  const last = blocks[Math.max(...chosen)]!;
  const lineOfText = endLine - text.split("\n").length + 1;
  return { text: join(blocks, chosen), startLine, endLine: lineOfText + last.line + last.lines - 1 };
}

function choose(blocks: Block[], scores: number[]): number[] {
  const order = [...blocks.keys()].sort((a, b) => scores[b]! - scores[a]! || a - b);
  const chosen = new Set<number>();
  let size = 0;
  for (const index of [order[0]!, 0, ...withFollowers(order, blocks, scores)]) {
    if (chosen.has(index) || (size > 0 && size + blocks[index]!.text.length > BUDGET)) continue;
    chosen.add(index);
    size += blocks[index]!.text.length;
  }
  return [...chosen].sort((a, b) => a - b);
}

/** What holds something of the question; a line that ends in a colon or is a heading takes what it announces with it. */
function withFollowers(order: number[], blocks: Block[], scores: number[]): number[] {
  return order
    .filter((index) => scores[index]! > 0)
    .flatMap((index) => {
      const announces = /:\s*$|^#{1,6}\s/.test(blocks[index]!.text.split("\n")[0]!) && blocks[index]!.lines === 1;
      return announces ? [index, index + 1, index + 2].filter((next) => next < blocks.length) : [index];
    });
}

function join(blocks: Block[], chosen: number[]): string {
  let result = "";
  for (const [place, index] of chosen.entries()) {
    const block = blocks[index]!;
    const previous = blocks[chosen[place - 1] ?? -1];
    const follows = previous !== undefined && index === chosen[place - 1]! + 1;
    const between = previous === undefined ? "" : follows ? gap(previous, block) : "\n\n…\n\n";
    const sameTable = block.header !== undefined && previous?.header === block.header;
    // Rows of one table stay one table, whatever was left out between them.
    if (sameTable) result += `\n${block.text}`;
    else result += between + (block.header === undefined ? "" : `${block.header}\n`) + block.text;
  }
  return result;
}

function gap(before: Block, after: Block): string {
  if (after.line === before.line) return " ";
  return after.line === before.line + before.lines ? "\n" : "\n\n";
}
