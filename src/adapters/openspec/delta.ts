import { rangeOf, splitLines, type Lines, type Span, type TextRange } from "./lines.ts";
import { normalizeName, requirementName, requirementsIn, type Requirement } from "./requirement.ts";
import { sectionOf, type Section } from "./spec.ts";

export type DeltaOperation = "ADDED" | "MODIFIED" | "REMOVED" | "RENAMED";

/** A requirement that goes: from its header or list item to the last line before the next one that is not blank. */
export interface Removal extends TextRange {
  name: string;
}

/** A pair of lines: `line` and `start` are the FROM's, `endLine` and `end` the TO's. */
export interface Rename extends TextRange {
  from: string;
  to: string;
}

export interface DeltaSection extends Section {
  operation: DeltaOperation;
}

/** A delta: `changes/<id>/specs/<capability>/spec.md`. Lines are 1-based. */
export interface ParsedDelta {
  added: Requirement[];
  modified: Requirement[];
  removed: Removal[];
  renamed: Rename[];
  /** FROM or TO lines without their other half. */
  unpaired: { side: "FROM" | "TO"; name: string; line: number }[];
  /** Requirements outside every delta section: OpenSpec drops them silently. */
  orphaned: { name: string; line: number; section: string | null }[];
  /** Delta sections in the order of the file, also empty ones and several of the same kind. */
  sections: DeltaSection[];
}

/** A section with its heading. */
interface Titled extends Span {
  title: string;
  operation: DeltaOperation | null;
}

const OPERATIONS: DeltaOperation[] = ["ADDED", "MODIFIED", "REMOVED", "RENAMED"];
const HEADING = /^##\s+(.+)$/;
const BULLET = /^[-*+]\s*/;

/** Reads a delta; sections of the same kind count together. Never throws. */
export function parseDelta(content: string | Lines): ParsedDelta {
  const lines = typeof content === "string" ? splitLines(content) : content;
  const sections = topSections(lines);
  const of = (operation: DeltaOperation) =>
    sections.filter((section) => section.operation === operation).map(({ from, to }) => ({ from: from + 1, to }));
  const unpaired: ParsedDelta["unpaired"] = [];
  return {
    added: of("ADDED").flatMap((section) => requirementsIn(lines, section)),
    modified: of("MODIFIED").flatMap((section) => requirementsIn(lines, section)),
    removed: of("REMOVED").flatMap((section) => removedIn(lines, section)),
    renamed: of("RENAMED").flatMap((section) => renamedIn(lines, section, unpaired)),
    unpaired,
    orphaned: orphans(lines, sections),
    sections: sections.flatMap(({ operation, ...section }) =>
      operation === null ? [] : [{ operation, ...sectionOf(lines, section) }],
    ),
  };
}

function topSections({ text, hashes }: Lines): Titled[] {
  const starts = hashes.flatMap((from) => {
    const match = HEADING.exec(text[from]!);
    return match ? [{ title: match[1]!.trim(), from }] : [];
  });
  return starts.map(({ title, from }, order) => {
    return { title, operation: operationOf(title), from, to: starts[order + 1]?.from ?? text.length };
  });
}

function operationOf(title: string): DeltaOperation | null {
  const lower = title.toLowerCase();
  return OPERATIONS.find((operation) => lower === `${operation.toLowerCase()} requirements`) ?? null;
}

/** Removals are headers, or list items that carry one. */
function removedIn(lines: Lines, { from, to }: Span): Removal[] {
  const { text, fenced } = lines;
  const found: { name: string; at: number }[] = [];
  for (let index = from; index < to; index += 1) {
    if (fenced[index]) continue;
    const name = requirementName(text[index]!) ?? quotedName(text[index]!, BULLET);
    if (name !== null) found.push({ name, at: index });
  }
  return found.map(({ name, at }, order) => ({
    name,
    ...rangeOf(lines, { from: at, to: found[order + 1]?.at ?? to }),
  }));
}

/** A pair is a FROM and the next TO with no other FROM between. */
function renamedIn(lines: Lines, { from, to }: Span, unpaired: ParsedDelta["unpaired"]): Rename[] {
  const { text, fenced } = lines;
  const pairs: Rename[] = [];
  let open: { name: string; at: number } | null = null;
  const drop = () => {
    if (open) unpaired.push({ side: "FROM", name: open.name, line: open.at + 1 });
    open = null;
  };
  for (let index = from; index < to; index += 1) {
    if (fenced[index]) continue;
    const before = quotedName(text[index]!, /^(?:[-*+]\s*)?FROM:\s*/);
    const after = quotedName(text[index]!, /^(?:[-*+]\s*)?TO:\s*/);
    if (before !== null) {
      drop();
      open = { name: before, at: index };
    } else if (after !== null && open) {
      pairs.push({ from: open.name, to: after, ...rangeOf(lines, { from: open.at, to: index + 1 }) });
      open = null;
    } else if (after !== null) unpaired.push({ side: "TO", name: after, line: index + 1 });
  }
  drop();
  return pairs;
}

/** The name in `<lead>` followed by a requirement header, with or without backticks. */
function quotedName(line: string, lead: RegExp): string | null {
  const trimmed = line.trim();
  const match = lead.exec(trimmed);
  if (!match) return null;
  const quoted = trimmed.slice(match[0].length).replace(/^`/, "").replace(/`$/, "");
  const header = /^###\s*Requirement:\s*(.+)$/.exec(quoted);
  return header ? normalizeName(header[1]!) : null;
}

function orphans({ text, hashes }: Lines, sections: Titled[]): ParsedDelta["orphaned"] {
  const found: ParsedDelta["orphaned"] = [];
  let order = -1;
  for (const index of hashes) {
    while (sections[order + 1] && sections[order + 1]!.from < index) order += 1;
    const section = sections[order] ?? null;
    const name = requirementName(text[index]!);
    if (name !== null && (section === null || section.operation === null)) {
      found.push({ name, line: index + 1, section: section?.title ?? null });
    }
  }
  return found;
}
