import type { Passage } from "../../adapters/search/index.ts";

/** Longer sections are cut at blank lines, so that a passage stays quotable. */
const MAX_PASSAGE = 2400;

/** A part of a document under one heading. Offsets are those of the text, lines count from 1. */
export interface Part {
  heading: string;
  headingPath: string[];
  /** 1..6, 0 for the text before the first heading. */
  level: number;
  /** Where the part begins with its heading, and in which line. */
  start: number;
  startLine: number;
  /** What is quoted of it. */
  span: { start: number; end: number };
}

/** The passages of one part: one, or several where it is long; none where it says nothing. */
export function cutPart(text: string, { heading, headingPath, level, start, startLine, span }: Part): Passage[] {
  const lineOf = lineCounter(text, { start, startLine });
  return pieces(text, span).flatMap((piece) => {
    const content = text.slice(piece.start, piece.end);
    if (content.trim() === "") return [];
    const from = piece.start + content.length - content.trimStart().length;
    const first = piece.start === span.start && level > 0 ? startLine : lineOf(from);
    const endLine = lineOf(piece.start + content.trimEnd().length - 1);
    return [{ heading, headingPath, level, startLine: first, endLine, text: content.trim() }];
  });
}

/** The span in parts of at most `MAX_PASSAGE` characters, cut behind blank lines where there are any. */
function pieces(text: string, { start, end }: { start: number; end: number }): { start: number; end: number }[] {
  const parts: { start: number; end: number }[] = [];
  let from = start;
  while (end - from > MAX_PASSAGE) {
    const window = text.slice(from, from + MAX_PASSAGE);
    const blank = Math.max(window.lastIndexOf("\n\n"), window.lastIndexOf("\r\n\r\n"));
    const line = window.lastIndexOf("\n");
    const length = blank > MAX_PASSAGE / 3 ? blank + 1 : line > 0 ? line + 1 : MAX_PASSAGE;
    parts.push({ start: from, end: from + length });
    from += length;
  }
  return [...parts, { start: from, end }];
}

/** Line numbers of growing offsets inside a part, without counting from the top each time. */
function lineCounter(
  text: string,
  { start, startLine }: { start: number; startLine: number },
): (offset: number) => number {
  let [line, at] = [startLine, start];
  return (offset) => {
    for (; at < offset; at += 1) if (text.charCodeAt(at) === 10) line += 1;
    return line;
  };
}
