import { frontMatterRange } from "./front-matter.ts";
import { findHeadings, type Heading } from "./headings.ts";
import { linesOf, splitBom } from "./lines.ts";
import type { Section } from "./port.ts";

/**
 * The sections of a document in order. A section without heading (level 0) stands for the text before the first heading,
 * if there is any. Front matter belongs to no section. Never throws, linear in the text.
 */
export function scanSections(text: string): Section[] {
  const { rest } = splitBom(text);
  const bodyStart = frontMatterRange(rest)?.bodyStart ?? 0;
  const headings = findHeadings(rest, bodyStart);
  const lines = lineStarts(rest);
  const preamble = preambleOf(rest, bodyStart, headings[0]?.start ?? rest.length);
  const sections = nest(rest, headings);
  const all = preamble ? [preamble, ...sections] : sections;
  return number(all).map((section) => ({ ...section, ...lineSpan(lines, section) }));
}

type Bare = Omit<Section, "occurrence" | "startLine" | "endLine">;

function preambleOf(text: string, start: number, end: number): Bare | null {
  if (text.slice(start, end).trim() === "") return null;
  return { path: [], heading: "", level: 0, start, bodyStart: start, ownEnd: end, end };
}

/** One pass with a stack of the sections that are still open, so that ten thousand headings take no longer than they should. */
function nest(text: string, headings: Heading[]): Bare[] {
  const sections: Bare[] = [];
  const open: Bare[] = [];
  for (const [index, heading] of headings.entries()) {
    while ((open.at(-1)?.level ?? 0) >= heading.level) open.pop()!.end = heading.start;
    const path = [...(open.at(-1)?.path ?? []), heading.text];
    const ownEnd = headings[index + 1]?.start ?? text.length;
    const { level, start, end: bodyStart } = heading;
    const section = { path, heading: heading.text, level, start, bodyStart, ownEnd, end: text.length };
    sections.push(section);
    open.push(section);
  }
  return sections;
}

function number(sections: Bare[]): (Bare & { occurrence: number })[] {
  const seen = new Map<string, number>();
  return sections.map((section) => {
    const key = JSON.stringify(section.path);
    const occurrence = (seen.get(key) ?? 0) + 1;
    seen.set(key, occurrence);
    return { ...section, occurrence };
  });
}

function lineStarts(text: string): number[] {
  return Array.from(linesOf(text), ({ start }) => start);
}

function lineSpan(starts: number[], { start, end }: Bare): { startLine: number; endLine: number } {
  const startLine = lineAt(starts, start);
  return { startLine, endLine: Math.max(startLine, lineAt(starts, end - 1)) };
}

/** 1-based line of an offset, by bisection. */
function lineAt(starts: number[], offset: number): number {
  let [low, high] = [0, starts.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (starts[middle]! <= offset) low = middle + 1;
    else high = middle;
  }
  return Math.max(low, 1);
}
