/** A line of a text: CR LF, LF and a lone CR end one, as in CommonMark. */
export interface Line {
  start: number;
  /** Offset behind the last character before the line end. */
  contentEnd: number;
  /** Offset behind the line end: the start of the next line. */
  end: number;
}

/** The lines between two offsets. */
export function* linesOf(text: string, from = 0, to = text.length): Generator<Line> {
  let start = from;
  while (start < to) {
    const contentEnd = contentEndAt(text, start, to);
    const end = contentEnd + widthAt(text, contentEnd, to);
    yield { start, contentEnd, end };
    start = end;
  }
}

/** The same without an object for each line: a hostile megabyte has a million of them. */
export function eachLine(text: string, from: number, take: (start: number, contentEnd: number, end: number) => void) {
  const to = text.length;
  let [lineFeed, carriage] = [-1, -1];
  let start = from;
  while (start < to) {
    // Where the next of each lies is not asked again before it is passed: with one kind missing that would be quadratic.
    if (lineFeed < start) lineFeed = indexOr(text, "\n", start);
    if (carriage < start) carriage = indexOr(text, "\r", start);
    const contentEnd = Math.min(lineFeed, carriage);
    const end = contentEnd === to ? to : contentEnd + (carriage + 1 === lineFeed && lineFeed < to ? 2 : 1);
    take(start, contentEnd, end);
    start = end;
  }
}

function indexOr(text: string, mark: string, from: number): number {
  const at = text.indexOf(mark, from);
  return at === -1 ? text.length : at;
}

function contentEndAt(text: string, start: number, to: number): number {
  let at = start;
  while (at < to && text[at] !== "\n" && text[at] !== "\r") at += 1;
  return at;
}

/** Characters of the line end at an offset. */
function widthAt(text: string, at: number, to: number): number {
  if (at >= to) return 0;
  return text[at] === "\r" && text[at + 1] === "\n" && at + 1 < to ? 2 : 1;
}

/** How many lines begin between two offsets. */
export function countLines(text: string, from = 0, to = text.length): number {
  let count = 0;
  eachLine(to === text.length ? text : text.slice(0, to), from, () => (count += 1));
  return count;
}

export type LineEnd = "\n" | "\r\n" | "\r";

/** The line end that a text uses most; `\n` where it has none. */
export function dominantLineEnd(text: string): LineEnd {
  if (!text.includes("\r")) return "\n";
  const counts = { "\n": 0, "\r\n": 0, "\r": 0 };
  for (const { contentEnd, end } of linesOf(text)) {
    const mark = text.slice(contentEnd, end);
    if (mark === "\n" || mark === "\r\n" || mark === "\r") counts[mark] += 1;
  }
  if (counts["\r\n"] > counts["\n"]) return "\r\n";
  return counts["\r"] > counts["\n"] ? "\r" : "\n";
}

/** The same text with one kind of line end. */
export function withLineEnds(text: string, lineEnd: LineEnd): string {
  return text.replaceAll(/\r\n|\r|\n/g, lineEnd);
}

const BOM = "\uFEFF";

/** A byte order mark is kept apart: every offset of this adapter counts from behind it. */
export function splitBom(text: string): { bom: string; rest: string } {
  return text.startsWith(BOM) ? { bom: BOM, rest: text.slice(1) } : { bom: "", rest: text };
}

/** 1-based line number of an offset. */
export function lineNumberAt(text: string, offset: number): number {
  let number = 1;
  for (const { end, contentEnd } of linesOf(text)) {
    if (end > offset || end === contentEnd) break;
    number += 1;
  }
  return number;
}

/** Offset at which the line of an offset begins. */
export function lineStartAt(text: string, offset: number): number {
  let at = offset;
  while (at > 0 && text[at - 1] !== "\n" && text[at - 1] !== "\r") at -= 1;
  return at;
}

/** Offset behind the line of an offset, its line end included. */
export function lineEndBehind(text: string, offset: number): number {
  const contentEnd = contentEndAt(text, offset, text.length);
  return contentEnd + widthAt(text, contentEnd, text.length);
}
