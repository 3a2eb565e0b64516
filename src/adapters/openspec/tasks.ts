import { withoutBom } from "./lines.ts";

/** One checkbox line of a tasks file. Offsets are UTF-16 units of the text without BOM. */
export interface ParsedTask {
  /** `1.2` where the text begins with a number of that form, else null. */
  number: string | null;
  /** The text behind the box, number included. */
  text: string;
  done: boolean;
  /** 1-based; as OpenSpec does here, `\n` alone ends a line. */
  line: number;
  /** Offset of the line's first character. */
  start: number;
  /** Offset of the line's end, before its line end. */
  end: number;
  /** What stands between the brackets: white space, a mark or both. */
  box: { start: number; end: number };
}

/**
 * Every list item with a box that holds at most one character, wherever it stands, also inside code, as OpenSpec counts
 * them; done is `x` or `X` alone. Linear in the length of the text.
 */
export function parseTasks(content: string): ParsedTask[] {
  return taskLines(withoutBom(content)).map(({ text, done, line, start, end, open, close }) => {
    const box = { start: start + open + 1, end: start + close };
    return { number: numberOf(text), text, done, line, start, end, box };
  });
}

/** Text in which every task is open: the same for two versions that differ in ticks alone. */
export function withoutTicks(content: string): string {
  const parts: string[] = [];
  let from = 0;
  for (const { done, start, open, close } of taskLines(content)) {
    if (!done) continue;
    parts.push(content.slice(from, start + open), "[ ]");
    from = start + close + 1;
  }
  return from === 0 ? content : parts.join("") + content.slice(from);
}

/** Looks at lines that hold a bracket alone, each once. */
function taskLines(content: string) {
  const found: (TaskLine & { line: number; start: number; end: number })[] = [];
  let [line, start] = [1, 0];
  for (let bracket = content.indexOf("["); bracket !== -1; bracket = content.indexOf("[", start)) {
    for (let end = content.indexOf("\n", start); end !== -1 && end < bracket; end = content.indexOf("\n", start)) {
      line += 1;
      start = end + 1;
    }
    const next = content.indexOf("\n", bracket);
    const end = next === -1 ? content.length : next;
    const task = taskOf(content.slice(start, end));
    if (task) found.push({ ...task, line, start, end: content[end - 1] === "\r" ? end - 1 : end });
    if (next === -1) return found;
    line += 1;
    start = next + 1;
  }
  return found;
}

/** The number a task begins with: digits with at least one dot, and at most one letter behind. */
function numberOf(text: string): string | null {
  return /^\d+(?:\.\d+)+[A-Za-z]?(?=\s|$|[.:)])/.exec(text)?.[0] ?? null;
}

interface TaskLine {
  text: string;
  done: boolean;
  /** Indexes of the brackets. */
  open: number;
  close: number;
}

/** Walks by hand: the obvious expression needs quadratic time on a long run of spaces. */
function taskOf(line: string): TaskLine | null {
  const marker = afterMarker(line, skipSpace(line, 0));
  if (marker === null) return null;
  const open = skipSpace(line, marker);
  if (line[open] !== "[") return null;
  const inside = skipSpace(line, open + 1);
  const mark = line[inside] === "]" ? "" : (line[inside] ?? "");
  const close = skipSpace(line, inside + mark.length);
  if (line[close] !== "]") return null;
  const isLink = line[close + 1] === "(" || line[close + 1] === "[";
  if (isLink && !(mark === "" && inside > open + 1)) return null;
  const text = line
    .slice(close + 1)
    .split("\r", 1)[0]!
    .trim();
  return { text, done: mark === "x" || mark === "X", open, close };
}

/** Offset behind `-`, `*`, `+`, `1.` or `1)` (up to nine digits), or null. */
function afterMarker(line: string, from: number): number | null {
  const character = line[from];
  if (character === "-" || character === "*" || character === "+") return from + 1;
  let end = from;
  while (end - from < 9 && line[end] !== undefined && line[end]! >= "0" && line[end]! <= "9") end += 1;
  return end > from && (line[end] === "." || line[end] === ")") ? end + 1 : null;
}

function skipSpace(line: string, from: number): number {
  let index = from;
  while (index < line.length && /\s/.test(line[index]!)) index += 1;
  return index;
}
