import type { Splice } from "./edit.ts";

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
