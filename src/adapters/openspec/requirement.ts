import { sha256 } from "../../foundation/hash.ts";
import type { Lines } from "./lines.ts";

interface Scenario {
  name: string;
  line: number;
}

/** One `### Requirement:` block. */
export interface Requirement {
  name: string;
  /** Line of the header, 1-based. */
  line: number;
  /** Last line that belongs to the block and is not blank. */
  endLine: number;
  /** The statement below the header, up to the first header or scenario; metadata lines and code left out. */
  text: string;
  /** The whole block with `\n` line ends, without blank lines at its end: what archive puts into the main spec. */
  raw: string;
  /** SHA-256 of `raw`. */
  hash: string;
  scenarios: Scenario[];
}

/** A stretch of lines: `from` inclusive, `to` exclusive, both indexes. */
export interface Span {
  from: number;
  to: number;
}

const HEADER = /^###\s*Requirement:\s*(.+)$/i;
const ANY_HEADER = /^#{1,6}\s/;
const SCENARIO = /^####\s+(.*)$/;
const SCENARIO_END = /^#{1,4}\s/;
const METADATA = /^\*\*[^*]+\*\*:/;

/** The name in a requirement header, or null when the line is none. */
export function requirementName(line: string): string | null {
  const match = HEADER.exec(line);
  return match ? normalizeName(match[1]!) : null;
}

/**
 * A name as OpenSpec compares it: trimmed, without a closing run of `#` that white space sets off. Case and inner
 * spaces count.
 */
export function normalizeName(name: string): string {
  const trimmed = name.trim();
  let end = trimmed.length;
  while (trimmed[end - 1] === "#") end -= 1;
  const closes = end < trimmed.length && (trimmed[end - 1] === " " || trimmed[end - 1] === "\t");
  return closes ? trimmed.slice(0, end).trim() : trimmed;
}

/** Two names with the same fold differ in case or spacing only, which is always a mistake. */
export function foldName(name: string): string {
  return normalizeName(name).toLowerCase().replaceAll(/\s+/g, " ");
}

/** The requirement blocks of a section, in order. */
export function requirementsIn({ text, fenced }: Lines, span: Span): Requirement[] {
  const starts: number[] = [];
  for (let index = span.from; index < span.to; index += 1) {
    if (!fenced[index] && requirementName(text[index]!) !== null) starts.push(index);
  }
  return starts.map((from, order) => block({ text, fenced }, { from, to: starts[order + 1] ?? span.to }));
}

function block({ text, fenced }: Lines, { from, to }: Span): Requirement {
  let end = to;
  while (end > from + 1 && text[end - 1]!.trim() === "") end -= 1;
  const raw = text.slice(from, end).join("\n").trimEnd();
  const body = { from: from + 1, to: end };
  return {
    name: requirementName(text[from]!)!,
    line: from + 1,
    endLine: end,
    text: statement({ text, fenced }, body),
    raw,
    hash: sha256(raw),
    scenarios: scenarios({ text, fenced }, body),
  };
}

/** A block that consists of `**Key**: value` lines alone keeps them as its statement. */
function statement({ text, fenced }: Lines, { from, to }: Span): string {
  const sentences: string[] = [];
  const metadata: string[] = [];
  for (let index = from; index < to; index += 1) {
    if (fenced[index]) continue;
    if (ANY_HEADER.test(text[index]!)) break;
    const line = text[index]!.trim();
    if (line !== "") (METADATA.test(line) ? metadata : sentences).push(line);
  }
  return (sentences.length > 0 ? sentences : metadata).join("\n");
}

/** Every `####` header with something below it is a scenario, whatever it is called. */
function scenarios({ text, fenced }: Lines, { from, to }: Span): Scenario[] {
  const found: Scenario[] = [];
  for (let index = from; index < to; index += 1) {
    const match = fenced[index] ? null : SCENARIO.exec(text[index]!);
    if (!match) continue;
    let next = index + 1;
    while (next < to && (fenced[next] || !SCENARIO_END.test(text[next]!)) && text[next]!.trim() === "") next += 1;
    const hasBody = next < to && (fenced[next] || !SCENARIO_END.test(text[next]!));
    if (hasBody) found.push({ name: normalizeName(match[1]!.replace(/^Scenario:/i, "")), line: index + 1 });
  }
  return found;
}
