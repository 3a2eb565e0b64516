import { SpecloopError } from "../../foundation/errors.ts";
import { findHeadings } from "./scan.ts";
import { coreOf, trimmedContent, type Splice } from "./splice.ts";
import { dominantLineEnd, linesOf, type LineEnd } from "./lines.ts";
import type { Section } from "./port.ts";

export interface SectionEdit {
  section: Section;
  content: string;
}

/** Replaces what stands under the heading, subsections included; blank lines around it stay. */
export function replaceSection(text: string, { section, content }: SectionEdit): Splice {
  const lineEnd = dominantLineEnd(text);
  const body = prepare(content, section, lineEnd);
  const core = coreOf(text, section.bodyStart, section.end);
  if (!core) return appendToSection(text, { section, content });
  return { ...core, replacement: body + gapBehind(text, core.end, section.end, lineEnd) };
}

/** Puts content at the end of the section: behind its subsections if it begins with a heading, else before them. */
export function appendToSection(text: string, { section, content }: SectionEdit): Splice {
  const lineEnd = dominantLineEnd(text);
  const body = prepare(content, section, lineEnd);
  const limit = findHeadings(body, 0)[0]?.start === 0 ? section.end : section.ownEnd;
  const core = coreOf(text, section.bodyStart, limit);
  const at = core?.end ?? endOfHeading(text, section);
  if (body === "") return { start: at, end: at, replacement: "" };
  const joins = core !== null && isListItem(body) && isListItem(lastParagraph(text, core));
  return {
    start: at,
    end: at,
    replacement: lineEnd + (joins ? "" : lineEnd) + body + gapBehind(text, at, limit, lineEnd),
  };
}

/** Content without blank lines around it and without a repetition of the section's own heading. */
function prepare(content: string, section: Section, lineEnd: LineEnd): string {
  const plain = trimmedContent(content, lineEnd);
  const [first] = findHeadings(plain, 0);
  const repeats = first?.start === 0 && first.level === section.level && first.text === section.heading;
  const body = repeats ? trimmedContent(plain.slice(first.end), lineEnd) : plain;
  const escaping = findHeadings(body, 0).find(({ level }) => level <= section.level);
  if (escaping) {
    throw new SpecloopError(
      "bad_input",
      `The content has a heading "${escaping.text}" of level ${escaping.level}, which would end the section "${section.heading}".`,
      {
        fix: `Use headings of level ${section.level + 1} or deeper, or edit the section above.`,
      },
    );
  }
  return body;
}

function endOfHeading(text: string, section: Section): number {
  return coreOf(text, section.start, section.bodyStart)?.end ?? section.bodyStart;
}

/** A line end more where the next heading would otherwise stick to the content and could become part of it. */
function gapBehind(text: string, at: number, limit: number, lineEnd: LineEnd): string {
  if (limit >= text.length) return "";
  const lineEnds = [...linesOf(text, at, limit)].length;
  return lineEnds < 2 && text[limit] !== "#" ? lineEnd : "";
}

function isListItem(text: string): boolean {
  return /^ {0,3}(?:[-+*]|\d{1,9}[.)])[ \t]/.test(text);
}

/** The last line at the left edge, which tells whether the text ends in a list. */
function lastParagraph(text: string, core: { start: number; end: number }): string {
  const lines = [...linesOf(text, core.start, core.end)].map(({ start, contentEnd }) => text.slice(start, contentEnd));
  return lines.findLast((line) => /^\S/.test(line)) ?? "";
}
