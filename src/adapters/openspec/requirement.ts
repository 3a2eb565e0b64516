import { sha256 } from "../../foundation/hash.ts";
import { hashesIn, rangeOf, type Lines, type Span, type TextRange } from "./lines.ts";

/** One `####` block, from its header to the last character that is no white space. */
export interface Scenario extends TextRange {
  name: string;
  /** The block with `\n` line ends. */
  raw: string;
  /** SHA-256 of `raw`. */
  hash: string;
}

/** One `### Requirement:` block, from its header to the last character that is no white space. */
export interface Requirement extends TextRange {
  name: string;
  /** Offset behind the header and its line end. */
  bodyStart: number;
  /** Offset of whatever comes next: `end` and the blank lines behind it. */
  blockEnd: number;
  /** The statement below the header, up to the first header or scenario; metadata lines and code left out. */
  text: string;
  /** The whole block with `\n` line ends, without blank lines at its end: what archive puts into the main spec. */
  raw: string;
  /** SHA-256 of `raw`. */
  hash: string;
  scenarios: Scenario[];
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
export function requirementsIn(lines: Lines, span: Span): Requirement[] {
  const starts = hashesIn(lines, span).filter((index) => requirementName(lines.text[index]!) !== null);
  return starts.map((from, order) => block(lines, { from, to: starts[order + 1] ?? span.to }));
}

function block(lines: Lines, span: Span): Requirement {
  const { text, starts } = lines;
  const range = rangeOf(lines, span);
  const raw = text.slice(span.from, range.endLine).join("\n").trimEnd();
  const body = { from: span.from + 1, to: range.endLine };
  return {
    name: requirementName(text[span.from]!)!,
    ...range,
    bodyStart: starts[span.from + 1]!,
    blockEnd: starts[span.to]!,
    text: statement(lines, body),
    raw,
    hash: sha256(raw),
    scenarios: scenariosIn(lines, body, raw),
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
function scenariosIn(lines: Lines, { from, to }: Span, raw: string): Scenario[] {
  const { text } = lines;
  const headers = hashesIn(lines, { from, to }).filter((index) => SCENARIO_END.test(text[index]!));
  const offsetOf = offsets(text, from - 1);
  return headers.flatMap((index, order) => {
    const match = SCENARIO.exec(text[index]!);
    if (!match) return [];
    const range = rangeOf(lines, { from: index, to: headers[order + 1] ?? to });
    if (range.endLine === range.line) return [];
    const own = raw.slice(offsetOf(index), offsetOf(range.endLine)).trimEnd();
    return [{ name: normalizeName(match[1]!.replace(/^Scenario:/i, "")), ...range, raw: own, hash: sha256(own) }];
  });
}

/** Where lines begin in a text that starts with the line `from` and has line ends of one character; ask in order. */
function offsets(text: string[], from: number): (index: number) => number {
  let [line, offset] = [from, 0];
  return (index) => {
    for (; line < index; line += 1) offset += text[line]!.length + 1;
    return offset;
  };
}
