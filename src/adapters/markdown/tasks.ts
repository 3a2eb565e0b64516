import { eachLine, splitBom } from "./lines.ts";
import type { TaskItem } from "./port.ts";

/**
 * The tasks that OpenSpec counts, by its grammar of a line (openspec 1.13,
 * `^\s*(?:[-*+]|\d{1,9}[.)])\s*\[(?:\s*([^\]\s]?)\s*\](?![([])|\s+\])\s*(.*)`): also in code fences, not in quotes. Written
 * without that expression, which takes quadratic time on a long run of spaces.
 */
export function scanTasks(text: string): TaskItem[] {
  const { rest } = splitBom(text);
  const tasks: TaskItem[] = [];
  let line = 0;
  eachLine(rest, 0, (start, contentEnd) => {
    line += 1;
    const box = contentEnd - start < 3 ? null : checkbox(rest.slice(start, contentEnd));
    if (!box) return;
    const { text, mark, at, end } = box;
    tasks.push({
      number: taskNumber(text),
      text,
      done: mark === "x" || mark === "X",
      line,
      markOffset: start + at,
      markLength: end,
    });
  });
  return tasks;
}

interface Checkbox {
  text: string;
  mark: string;
  at: number;
  end: number;
}

function checkbox(line: string): Checkbox | null {
  const marker = /^\s*(?:[-*+]|\d{1,9}[.)])\s*\[/.exec(line)?.[0];
  if (marker === undefined) return null;
  const open = marker.length;
  const inner = skipSpace(line, open);
  const closed = line[inner] === "]";
  const close = closed ? inner : skipSpace(line, inner + 1);
  if (line[close] !== "]") return null;
  const text = line.slice(skipSpace(line, close + 1)).trimEnd();
  const isLink = line[close + 1] === "(" || line[close + 1] === "[";
  if (closed && inner > open) return { text, mark: " ", at: open, end: 1 };
  if (isLink) return null;
  return closed ? { text, mark: "", at: open, end: 0 } : { text, mark: line[inner] ?? "", at: inner, end: 1 };
}

function skipSpace(line: string, from: number): number {
  let at = from;
  while (at < line.length && line[at]!.trim() === "") at += 1;
  return at;
}

/** `1.2`, `1.2a`, and `3` where a dot or bracket makes it a number and not a quantity. */
function taskNumber(text: string): string | null {
  return /^(\d+(?:\.\d+)+[A-Za-z]*)(?![\w.])/.exec(text)?.[1] ?? /^(\d+(?:\.\d+)*)[.)](?=\s)/.exec(text)?.[1] ?? null;
}
