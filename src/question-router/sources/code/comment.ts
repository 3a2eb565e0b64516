import type { Passage } from "../../../adapters/search/index.ts";
import type { Line } from "../headings.ts";
import { decorates, symbolOf } from "./symbol.ts";

/** A comment with one text per line of the file, its marks taken off. */
export interface Comment {
  /** 1-based line of the first text. */
  startLine: number;
  texts: string[];
  /** Index of the first line behind it in the list of lines. */
  next: number;
}

/** Shorter comments say nothing that a name does not say. */
const MIN_TEXT = 24;
/** A passage is quoted in an answer; of a longer comment the rest is left out. */
const MAX_LINES = 60;
/** What licences, linters and generators write. */
const NOISE =
  /^\W*(?:copyright\b|licen[sc]ed?\b|spdx-|eslint|oxlint|prettier|@ts-|tslint|noqa|pylint|nolint|clang-format|istanbul|c8 ignore|#?region\b|#?endregion\b|<reference|go:|\+build)/i;

/** Whether a comment is of the kind that answers nothing. */
export function isNoise(texts: string[]): boolean {
  const said = texts
    .join(" ")
    .replaceAll(/[^\p{L}\p{N}]+/gu, " ")
    .trim();
  return said.length < MIN_TEXT || NOISE.test(texts.find((text) => text.trim() !== "") ?? "");
}

/**
 * The passage of a comment that stands directly above a declaration, or at the top of the file: the comment and the line
 * that it is about, under the heading `file > symbol`. Null when it is about nothing that has a name.
 */
export function commentPassage(
  comment: Comment,
  lines: Line[],
  { file, first }: { file: string; first: boolean },
): Passage | null {
  if (isNoise(comment.texts)) return null;
  const subject = subjectOf(comment, lines);
  if (subject === null && !first) return null;
  const headingPath = subject ? [file, subject.name] : [file];
  // One line for each line of the file, so that what is quoted of it has its lines.
  const below = subject ? lines.slice(comment.next, subject.at + 1).map(({ text }) => text) : [];
  const { startLine, texts } = trimmed({ startLine: comment.startLine, texts: [...comment.texts, ...below] });
  return {
    heading: headingPath.at(-1)!,
    headingPath,
    level: headingPath.length,
    startLine,
    endLine: startLine + texts.length - 1,
    text: texts.join("\n"),
  };
}

/** What is declared below a comment, decorators and attributes in between allowed. */
function subjectOf({ next }: Comment, lines: Line[]): { name: string; at: number } | null {
  for (let at = next; at < lines.length && at < next + 8; at += 1) {
    const { text } = lines[at]!;
    if (decorates(text)) continue;
    const name = text.trim() === "" ? null : symbolOf(text);
    return name === null ? null : { name, at };
  }
  return null;
}

/** Without the empty lines at both ends, and not more than is quoted. */
function trimmed({ startLine, texts }: Pick<Comment, "startLine" | "texts">): { startLine: number; texts: string[] } {
  let [from, to] = [0, texts.length];
  while (from < to && texts[from]!.trim() === "") from += 1;
  while (to > from && texts[to - 1]!.trim() === "") to -= 1;
  return { startLine: startLine + from, texts: texts.slice(from, Math.min(to, from + MAX_LINES)) };
}
