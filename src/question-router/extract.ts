import type { Passage, SearchIndex, WeightedTerm } from "../adapters/search/index.ts";

/** A passage up to this size is given whole. */
const WHOLE = 900;
/** What is taken of a longer one. */
const BUDGET = 900;

interface Block {
  text: string;
  /** Lines from the beginning of the passage's text. */
  line: number;
  lines: number;
}

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
  const blocks = blocksOf(text);
  const chosen = choose(
    blocks,
    blocks.map((block) => index.coverage(terms, block.text)),
  );
  const last = blocks[Math.max(...chosen)]!;
  const lineOfText = endLine - text.split("\n").length + 1;
  return { text: join(blocks, chosen), startLine, endLine: lineOfText + last.line + last.lines - 1 };
}

/** Paragraphs, list items and fenced code; an item keeps its continuation lines. */
function blocksOf(text: string): Block[] {
  const blocks: Block[] = [];
  let fence: string | null = null;
  let open = false;
  for (const [line, content] of text.split("\n").entries()) {
    const marker = /^\s*(```+|~~~+)/.exec(content)?.[1] ?? null;
    const begins = fence === null && (!open || /^\s*(?:[-*+]|\d+[.)])\s|^#{1,6}\s/.test(content));
    if (content.trim() === "" && fence === null) open = false;
    else if (begins) {
      blocks.push({ text: content, line, lines: 1 });
      open = true;
    } else append(blocks, content);
    if (marker !== null) fence = fence === null ? marker : marker.startsWith(fence) ? null : fence;
  }
  return blocks.flatMap(splitLong);
}

function append(blocks: Block[], line: string): void {
  const block = blocks.at(-1);
  if (!block) return;
  block.text += `\n${line}`;
  block.lines += 1;
}

/** A paragraph that would fill the answer alone is taken by sentences. */
function splitLong(block: Block): Block[] {
  if (block.text.length <= BUDGET) return [block];
  const sentences = [...new Intl.Segmenter("en", { granularity: "sentence" }).segment(block.text)];
  let seen = 0;
  return sentences.map(({ segment }) => {
    const breaks = segment.split("\n").length - 1;
    const sentence = {
      text: segment.trimEnd().slice(0, BUDGET),
      line: block.line + seen,
      lines: Math.max(1, segment.trimEnd().split("\n").length),
    };
    seen += breaks;
    return sentence;
  });
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
    const previous = chosen[place - 1];
    const between =
      previous === undefined ? "" : index === previous + 1 ? gap(blocks[previous]!, blocks[index]!) : "\n\n…\n\n";
    result += between + blocks[index]!.text;
  }
  return result;
}

function gap(before: Block, after: Block): string {
  if (after.line === before.line) return " ";
  return after.line === before.line + before.lines ? "\n" : "\n\n";
}
