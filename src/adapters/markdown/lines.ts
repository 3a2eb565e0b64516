/** A line of a text: CR LF, LF and a lone CR end one, as in CommonMark. */
export interface Line {
  start: number;
  /** Offset behind the last character before the line end. */
  contentEnd: number;
  /** Offset behind the line end: the start of the next line. */
  end: number;
}

export function* linesOf(text: string, from = 0, to = text.length): Generator<Line> {
  let start = from;
  while (start < to) {
    let at = start;
    while (at < to && text[at] !== "\n" && text[at] !== "\r") at += 1;
    const width = at >= to ? 0 : text[at] === "\r" && text[at + 1] === "\n" && at + 1 < to ? 2 : 1;
    yield { start, contentEnd: at, end: at + width };
    start = at + width;
  }
}

export type LineEnd = "\n" | "\r\n" | "\r";

/** The line end that a text uses most; `\n` where it has none. */
export function dominantLineEnd(text: string): LineEnd {
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
