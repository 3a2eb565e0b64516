import type { Passage } from "../../adapters/search/index.ts";
import { linesIn, passagesBetween, type PlainHeading } from "./headings.ts";

const TITLE = /^(={1,6})[ \t]+(\S.*)$/;
/** Listing, literal, example, sidebar, passthrough and quote blocks: what looks like a title in them is text. */
const FENCE = /^(-{4,}|\.{4,}|={4,}|\*{4,}|\+{4,}|_{4,}|```+)[ \t]*$/;

/** AsciiDoc by its section titles (`= Title`, `== Section`), those inside of delimited blocks left out. */
export function asciidoc(text: string): Passage[] {
  const headings: PlainHeading[] = [];
  let fence: string | null = null;
  for (const line of linesIn(text)) {
    const mark = FENCE.exec(line.text)?.[1];
    if (mark !== undefined) {
      if (fence === null) fence = mark;
      else if (fence === mark) fence = null;
      continue;
    }
    const [, marks, title] = fence === null ? (TITLE.exec(line.text) ?? []) : [];
    if (marks === undefined || title === undefined) continue;
    const { start, end: bodyStart, number } = line;
    headings.push({ level: marks.length, text: title.trim(), start, bodyStart, line: number });
  }
  return passagesBetween(text, headings);
}
