import { scanSections, type Section } from "../adapters/markdown/index.ts";
import type { Passage } from "../adapters/search/index.ts";

/** Longer sections are cut at blank lines, so that a passage stays quotable. */
const MAX_PASSAGE = 2400;

/**
 * Cuts a document into passages: a requirement with its scenarios is one, every other section stands with its own text.
 * Sections without text of their own give none; their headings are in the paths of those below.
 */
export function passagesOf(text: string): Passage[] {
  const passages: Passage[] = [];
  let coveredTo = 0;
  for (const section of scanSections(text)) {
    if (section.start < coveredTo) continue;
    const whole = isRequirement(section);
    if (whole) coveredTo = section.end;
    passages.push(...cut(text, section, { start: section.bodyStart, end: whole ? section.end : section.ownEnd }));
  }
  return passages;
}

function isRequirement({ heading }: Section): boolean {
  return /^requirement:/i.test(heading);
}

function cut(text: string, section: Section, span: { start: number; end: number }): Passage[] {
  const lineOf = lineCounter(text, section);
  return pieces(text, span).flatMap(({ start, end }) => {
    const piece = text.slice(start, end);
    if (piece.trim() === "") return [];
    const from = start + piece.length - piece.trimStart().length;
    const { heading, path: headingPath, level } = section;
    const startLine = start === span.start && level > 0 ? section.startLine : lineOf(from);
    const endLine = lineOf(start + piece.trimEnd().length - 1);
    return [{ heading, headingPath, level, startLine, endLine, text: piece.trim() }];
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

/** Line numbers of growing offsets inside a section, without counting from the top each time. */
function lineCounter(text: string, section: Section): (offset: number) => number {
  let [line, at] = [section.startLine, section.start];
  return (offset) => {
    for (; at < offset; at += 1) if (text.charCodeAt(at) === 10) line += 1;
    return line;
  };
}
