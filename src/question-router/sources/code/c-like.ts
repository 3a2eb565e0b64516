import type { Line } from "../headings.ts";
import type { Comment } from "./comment.ts";

const OPENS = /^\s*\/\*[*!]?(?!\/)/;
const LINE = /^\s*\/\/([/!]?)(?!\/)\s?(.*)$/;

/**
 * Comments of languages with `/* … *\/` and `//` that begin a line. What stands behind code on a line, or looks like a
 * comment in the middle of one, is none; a comment that begins a line of a string of several lines is taken for one.
 */
export function cLikeComments(lines: Line[]): Comment[] {
  const comments: Comment[] = [];
  for (let at = 0; at < lines.length;) {
    const comment = OPENS.test(lines[at]!.text) ? block(lines, at) : run(lines, at);
    if (comment) comments.push(comment);
    at = comment ? comment.next : at + 1;
  }
  return comments;
}

/** One that is never closed says nothing, and nothing behind it is looked at. */
function block(lines: Line[], first: number): Comment {
  const texts: string[] = [];
  for (let at = first; at < lines.length; at += 1) {
    const opened = at === first ? lines[at]!.text.replace(OPENS, "") : lines[at]!.text;
    const end = opened.indexOf("*/");
    const text = end === -1 ? opened : opened.slice(0, end);
    texts.push(
      text
        .replace(/^\s*\*+(?:\s|$)?/, "")
        .replace(/^\s+/, "")
        .trimEnd(),
    );
    // What follows on the same line is code of its own.
    if (end !== -1) return { startLine: lines[first]!.number, texts, next: at + 1 };
  }
  return { startLine: lines[first]!.number, texts: [], next: lines.length };
}

function run(lines: Line[], first: number): Comment | null {
  const kind = LINE.exec(lines[first]!.text)?.[1];
  if (kind === undefined) return null;
  const texts: string[] = [];
  let at = first;
  for (; at < lines.length; at += 1) {
    const match = LINE.exec(lines[at]!.text);
    if (match?.[1] !== kind) break;
    texts.push(match[2]!.trimEnd());
  }
  return { startLine: lines[first]!.number, texts, next: at };
}
