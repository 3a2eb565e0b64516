import { frontMatterRange } from "./front-matter.ts";
import type { Heading } from "./blocks.ts";
import { countLines, splitBom } from "./lines.ts";
import type { Section } from "./port.ts";
import { findHeadings } from "./scan.ts";

/**
 * The sections of a document in order. A section without heading (level 0) stands for the text before the first heading,
 * if there is any. Front matter belongs to no section. Never throws, linear in the text.
 */
export function scanSections(text: string): Section[] {
  const { rest } = splitBom(text);
  const bodyStart = frontMatterRange(rest)?.bodyStart ?? 0;
  return sectionsOf(rest, findHeadings(rest, bodyStart), bodyStart);
}

/** The same from headings that were found before. */
function sectionsOf(text: string, headings: Heading[], bodyStart: number): Section[] {
  const lines = headings.at(-1)?.line ?? 1;
  const lastLine = lines + countLines(text, headings.at(-1)?.start ?? 0) - 1;
  const sections = nest(text, headings, lastLine);
  const preamble = preambleOf(text, { start: bodyStart, first: headings[0], lastLine });
  return preamble ? [preamble, ...sections] : sections;
}

function preambleOf(
  text: string,
  { start, first, lastLine }: { start: number; first: Heading | undefined; lastLine: number },
): Section | null {
  const end = first?.start ?? text.length;
  if (text.slice(start, end).trim() === "") return null;
  const startLine = countLines(text, 0, start) + 1;
  const endLine = Math.max(startLine, first ? first.line - 1 : lastLine);
  const offsets = { start, bodyStart: start, ownEnd: end, end };
  return { path: [], heading: "", level: 0, occurrence: 1, ...offsets, startLine, endLine };
}

/** A section that is still open, with how often each heading occurs below its path. */
interface Open {
  section: Section;
  below: Below;
}

type Below = Map<string, { count: number; below: Below }>;

/**
 * One pass with a stack of the sections that are still open. Paths are counted heading by heading: joining them would
 * take quadratic time below a heading that is as long as the document.
 */
function nest(text: string, headings: Heading[], lastLine: number): Section[] {
  const sections: Section[] = [];
  const open: Open[] = [];
  const top: Below = new Map();
  for (const [index, { level, text: heading, start, end: bodyStart, line }] of headings.entries()) {
    while ((open.at(-1)?.section.level ?? 0) >= level) close(open.pop()!.section, start, line - 1);
    const around = open.at(-1);
    const same = known(around?.below ?? top, heading);
    same.count += 1;
    const path = around ? [...around.section.path, heading] : [heading];
    const ownEnd = headings[index + 1]?.start ?? text.length;
    const section = {
      path,
      heading,
      level,
      occurrence: same.count,
      start,
      bodyStart,
      ownEnd,
      end: text.length,
      startLine: line,
      endLine: lastLine,
    };
    sections.push(section);
    open.push({ section, below: same.below });
  }
  return sections;
}

function close(section: Section, end: number, lastLine: number): void {
  section.end = end;
  section.endLine = Math.max(section.startLine, lastLine);
}

function known(below: Below, heading: string): { count: number; below: Below } {
  const found = below.get(heading);
  if (found) return found;
  const fresh = { count: 0, below: new Map() };
  below.set(heading, fresh);
  return fresh;
}
