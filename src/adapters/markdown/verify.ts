import { SpecloopError } from "../../foundation/errors.ts";
import type { Blocks } from "./blocks.ts";
import { scanBlocks } from "./scan.ts";
import { spliced, type Splice } from "./splice.ts";
import { scanTasks } from "./tasks.ts";

interface Placed {
  level: number;
  start: number;
  end: number;
}

/**
 * Headings outside the replaced stretch that an edit took away or brought about, as offsets into the text before and
 * after: an unclosed fence or comment in new content can swallow the rest of a document. Empty when all is well.
 */
export function changedHeadings(
  before: Placed[],
  after: Placed[],
  splice: Splice,
): { lost: number[]; appeared: number[] } {
  const growth = splice.replacement.length - (splice.end - splice.start);
  const key = ({ level, start }: Placed, shift: number) => `${level}@${start + shift}`;
  const outside = (headings: Placed[], end: number) =>
    headings.filter((heading) => heading.end <= splice.start || heading.start >= end);
  const kept = outside(before, splice.end);
  const now = outside(after, splice.start + splice.replacement.length);
  const moved = (heading: Placed) => key(heading, heading.start >= splice.end ? growth : 0);
  const had = new Set(kept.map(moved));
  const has = new Set(now.map((heading) => key(heading, 0)));
  return {
    lost: kept.filter((heading) => !has.has(moved(heading))).map(({ start }) => start),
    appeared: now.filter((heading) => !had.has(key(heading, 0))).map(({ start }) => start),
  };
}

/**
 * Refuses an edit after which a heading, list item, code block, table row or task outside the replaced stretch would no
 * longer be one, or would have come about. Throws `bad_input`.
 */
export function refuseSideEffects(text: string, splice: Splice, path: string): void {
  const after = spliced(text, splice);
  const { lost, appeared } = changedHeadings(placesOf(text), placesOf(after), splice);
  if (lost.length + appeared.length === 0) return;
  const what = lost.length > 0 ? `${lost.length} part(s)` : "text";
  throw new SpecloopError("bad_input", `The edit would change what ${what} elsewhere in ${path} is.`, {
    target: path,
    fix: "Close every code fence and HTML comment in the content, and keep its lists and headings apart from those around it.",
  });
}

/** Kinds of parts as levels, so that one comparison serves for all. */
const ITEM = 100;
const CODE = 1000;
const ROW = 1001;
const TASK = 1002;

function placesOf(text: string): Placed[] {
  const { headings, items, codes, tables }: Blocks = scanBlocks(text);
  return [
    ...headings,
    ...items.map(({ start, width, depth }) => ({ level: ITEM + depth, start, end: start + width })),
    ...codes.map(({ start, content }) => ({ level: CODE, start, end: content.start })),
    ...tables.flatMap(({ rows }) => rows.map(({ start, end }) => ({ level: ROW, start, end }))),
    ...scanTasks(text).map(({ markOffset, markLength }) => {
      // With its brackets, so that an empty box has a length too.
      return { level: TASK, start: markOffset - 1, end: markOffset + markLength + 1 };
    }),
  ];
}
