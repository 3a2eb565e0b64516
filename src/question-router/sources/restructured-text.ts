import type { Passage } from "../../adapters/search/index.ts";
import { type Line, linesIn, passagesBetween, type PlainHeading } from "./headings.ts";

/** The marks that docutils takes for an underline. */
const RULE = /^([!-/:-@[-`{-~])\1{1,}\s*$/;

/**
 * reStructuredText by its section titles: a line with an underline at least as long, with or without the same line above
 * it; which mark is which level is in the order of their first use (docutils, "Sections").
 */
export function restructuredText(text: string): Passage[] {
  const lines = linesIn(text);
  const styles: string[] = [];
  const headings: PlainHeading[] = [];
  for (const [at, title] of lines.entries()) {
    const under = lines[at + 1];
    if (!under || !isTitle(title, under)) continue;
    const mark = under.text[0]!;
    const above = lines[at - 1];
    const framed = above !== undefined && RULE.test(above.text) && above.text[0] === mark;
    const style = framed ? `${mark}${mark}` : mark;
    if (!styles.includes(style)) styles.push(style);
    const { start, number } = framed ? above : title;
    const level = styles.indexOf(style) + 1;
    headings.push({ level, text: title.text.trim(), start, bodyStart: under.end, line: number });
  }
  return passagesBetween(text, headings);
}

function isTitle(title: Line, under: Line): boolean {
  const text = title.text.trimEnd();
  if (text === "" || RULE.test(text) || !RULE.test(under.text)) return false;
  // Wide characters take two columns, so a shorter underline of Chinese text is one as well.
  return /^\S/.test(under.text) && under.text.trimEnd().length >= Math.min(text.trim().length, 4);
}
