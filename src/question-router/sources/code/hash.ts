import type { Line } from "../headings.ts";
import type { Comment } from "./comment.ts";

const LINE = /^\s*#(?!!)\s?(.*)$/;

/** Comments of languages with `#`: runs of lines that begin with it. The line that names the interpreter is none. */
export function hashComments(lines: Line[]): Comment[] {
  const comments: Comment[] = [];
  for (let at = 0; at < lines.length;) {
    const first = at;
    const texts: string[] = [];
    for (; at < lines.length; at += 1) {
      const match = LINE.exec(lines[at]!.text);
      if (!match) break;
      texts.push(match[1]!.trimEnd());
    }
    if (texts.length === 0) at += 1;
    else comments.push({ startLine: lines[first]!.number, texts, next: at });
  }
  return comments;
}
