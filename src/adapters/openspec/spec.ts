import { rangeOf, splitLines, type Lines, type Span, type TextRange } from "./lines.ts";
import { requirementsIn, type Requirement } from "./requirement.ts";
import { specProblems, type SpecProblem } from "./spec-problems.ts";

/** A heading with all that stands below it; `endLine` and `end` leave out blank lines at the end. */
export interface Section extends TextRange {
  /** Offset behind the heading and its line end. */
  bodyStart: number;
  /** Offset of the heading that ends it, or of the end of the text. */
  blockEnd: number;
}

/** A main spec: `specs/<capability>/spec.md`. */
export interface ParsedSpec {
  /** Text of the Purpose section, null when there is none. */
  purpose: string | null;
  /** Requirements below `## Requirements`, in order. */
  requirements: Requirement[];
  sections: { purpose: Section | null; requirements: Section | null };
  /** Why archive would not write it, whatever a delta says. */
  problems: SpecProblem[];
}

const HEADING = /^(#{1,6})\s+(.+)$/;

/** Reads a main spec as archive does: blocks count only below the first `## Requirements`. Never throws. */
export function parseSpec(content: string | Lines): ParsedSpec {
  const lines = typeof content === "string" ? splitLines(content) : content;
  const purpose = find(lines, isPurpose, /^#{1,6}\s/);
  const requirements = find(lines, (line) => /^##\s+Requirements\s*$/i.test(line), /^##\s/);
  const blocks = requirements ? requirementsIn(lines, { ...requirements, from: requirements.from + 1 }) : [];
  return {
    purpose:
      purpose &&
      lines.text
        .slice(purpose.from + 1, purpose.to)
        .join("\n")
        .trim(),
    requirements: blocks,
    sections: {
      purpose: purpose && sectionOf(lines, purpose),
      requirements: requirements && sectionOf(lines, requirements),
    },
    problems: specProblems(lines, { purpose, requirements, blocks }),
  };
}

/** The section in a span that begins with its heading. */
export function sectionOf(lines: Lines, span: Span): Section {
  const { starts } = lines;
  return { ...rangeOf(lines, span), bodyStart: starts[span.from + 1]!, blockEnd: starts[span.to]! };
}

function isPurpose(line: string): boolean {
  return HEADING.exec(line)?.[2]!.trim().toLowerCase() === "purpose";
}

/** The first line that `begins` and those behind it, up to the next one that fits `ends`. */
function find({ text, hashes }: Lines, begins: (line: string) => boolean, ends: RegExp): Span | null {
  const order = hashes.findIndex((index) => begins(text[index]!));
  if (order === -1) return null;
  const next = hashes.findIndex((index, place) => place > order && ends.test(text[index]!));
  return { from: hashes[order]!, to: next === -1 ? text.length : hashes[next]! };
}
