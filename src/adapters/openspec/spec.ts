import { splitLines, type Lines } from "./lines.ts";
import { requirementsIn, type Requirement, type Span } from "./requirement.ts";

/** A main spec: `specs/<capability>/spec.md`. */
export interface ParsedSpec {
  /** Text of the Purpose section, null when there is none. */
  purpose: string | null;
  /** Requirements below `## Requirements`, in order. */
  requirements: Requirement[];
}

const HEADING = /^(#{1,6})\s+(.+)$/;

/** Reads a main spec as archive does: blocks count only below the first `## Requirements`. Never throws. */
export function parseSpec(content: string): ParsedSpec {
  const lines = splitLines(content);
  const section = find(lines, (line) => /^##\s+Requirements\s*$/i.test(line), /^##\s/);
  return { purpose: purposeOf(lines), requirements: section ? requirementsIn(lines, section) : [] };
}

function purposeOf(lines: Lines): string | null {
  const section = find(lines, isPurpose, /^#{1,6}\s/);
  return section ? lines.text.slice(section.from, section.to).join("\n").trim() : null;
}

function isPurpose(line: string): boolean {
  return HEADING.exec(line)?.[2]!.trim().toLowerCase() === "purpose";
}

/** The lines behind the first line that `begins`, up to the next one that fits `ends`. */
function find({ text, fenced }: Lines, begins: (line: string) => boolean, ends: RegExp): Span | null {
  const at = text.findIndex((line, index) => !fenced[index] && begins(line));
  if (at === -1) return null;
  const length = text.slice(at + 1).findIndex((line, offset) => !fenced[at + 1 + offset] && ends.test(line));
  return { from: at + 1, to: length === -1 ? text.length : at + 1 + length };
}
