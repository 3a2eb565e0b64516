import { splitLines, type Lines } from "./lines.ts";
import { normalizeName, requirementName, requirementsIn, type Requirement, type Span } from "./requirement.ts";

export type DeltaOperation = "ADDED" | "MODIFIED" | "REMOVED" | "RENAMED";

/** A delta: `changes/<id>/specs/<capability>/spec.md`. Lines are 1-based. */
export interface ParsedDelta {
  added: Requirement[];
  modified: Requirement[];
  removed: { name: string; line: number }[];
  renamed: { from: string; to: string; line: number }[];
  /** FROM or TO lines without their other half. */
  unpaired: { side: "FROM" | "TO"; name: string; line: number }[];
  /** Requirements outside every delta section: OpenSpec drops them silently. */
  orphaned: { name: string; line: number; section: string | null }[];
  /** Delta sections that are there, also empty ones. */
  sections: DeltaOperation[];
}

interface Section extends Span {
  title: string;
}

const OPERATIONS: DeltaOperation[] = ["ADDED", "MODIFIED", "REMOVED", "RENAMED"];
const HEADING = /^##\s+(.+)$/;
const BULLET = /^[-*+]\s*/;

/** Reads a delta; sections of the same kind count together. Never throws. */
export function parseDelta(content: string): ParsedDelta {
  const lines = splitLines(content);
  const sections = topSections(lines);
  const of = (operation: DeltaOperation) => sections.filter(({ title }) => operationOf(title) === operation);
  const unpaired: ParsedDelta["unpaired"] = [];
  return {
    added: of("ADDED").flatMap((section) => requirementsIn(lines, section)),
    modified: of("MODIFIED").flatMap((section) => requirementsIn(lines, section)),
    removed: of("REMOVED").flatMap((section) => removedIn(lines, section)),
    renamed: of("RENAMED").flatMap((section) => renamedIn(lines, section, unpaired)),
    unpaired,
    orphaned: orphans(lines, sections),
    sections: OPERATIONS.filter((operation) => of(operation).length > 0),
  };
}

function operationOf(title: string): DeltaOperation | undefined {
  return OPERATIONS.find((operation) => title.toLowerCase() === `${operation.toLowerCase()} requirements`);
}

function topSections({ text, fenced }: Lines): Section[] {
  const starts: { title: string; from: number }[] = [];
  text.forEach((line, index) => {
    const match = fenced[index] ? null : HEADING.exec(line);
    if (match) starts.push({ title: match[1]!.trim(), from: index + 1 });
  });
  return starts.map((start, order) => ({ ...start, to: (starts[order + 1]?.from ?? text.length + 1) - 1 }));
}

/** Removals are headers, or list items that carry one. */
function removedIn({ text, fenced }: Lines, { from, to }: Span): { name: string; line: number }[] {
  const names: { name: string; line: number }[] = [];
  for (let index = from; index < to; index += 1) {
    if (fenced[index]) continue;
    const name = requirementName(text[index]!) ?? quotedName(text[index]!, BULLET);
    if (name !== null) names.push({ name, line: index + 1 });
  }
  return names;
}

/** A pair is a FROM and the next TO with no other FROM between. */
function renamedIn({ text, fenced }: Lines, { from, to }: Span, unpaired: ParsedDelta["unpaired"]) {
  const pairs: ParsedDelta["renamed"] = [];
  let open: { name: string; line: number } | null = null;
  const drop = () => {
    if (open) unpaired.push({ side: "FROM", ...open });
    open = null;
  };
  for (let index = from; index < to; index += 1) {
    if (fenced[index]) continue;
    const before = quotedName(text[index]!, /^(?:[-*+]\s*)?FROM:\s*/);
    const after = quotedName(text[index]!, /^(?:[-*+]\s*)?TO:\s*/);
    if (before !== null) {
      drop();
      open = { name: before, line: index + 1 };
    } else if (after !== null && open) {
      pairs.push({ from: open.name, to: after, line: open.line });
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

function orphans({ text, fenced }: Lines, sections: Section[]): ParsedDelta["orphaned"] {
  const found: ParsedDelta["orphaned"] = [];
  let order = -1;
  text.forEach((line, index) => {
    while (sections[order + 1] && sections[order + 1]!.from <= index) order += 1;
    if (fenced[index]) return;
    const section = sections[order] ?? null;
    const name = requirementName(line);
    if (name !== null && (section === null || !operationOf(section.title))) {
      found.push({ name, line: index + 1, section: section?.title ?? null });
    }
  });
  return found;
}
