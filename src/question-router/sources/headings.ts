import type { Passage } from "../../adapters/search/index.ts";
import { cutPart } from "./cut.ts";

/** A heading as a format of plain text has it; `start` and `bodyStart` are offsets, `line` counts from 1. */
export interface PlainHeading {
  level: number;
  text: string;
  start: number;
  bodyStart: number;
  line: number;
}

export interface Line {
  text: string;
  start: number;
  /** Behind the line end. */
  end: number;
  number: number;
}

/** Every line without its line end. */
export function linesIn(text: string): Line[] {
  let [start, number] = [text.startsWith("\uFEFF") ? 1 : 0, 0];
  const lines: Line[] = [];
  while (start < text.length) {
    const feed = text.indexOf("\n", start);
    const end = feed === -1 ? text.length : feed + 1;
    number += 1;
    lines.push({ text: text.slice(start, end).replace(/\r?\n$/, ""), start, end, number });
    start = end;
  }
  return lines;
}

/** Cuts a text at its headings, each section with its own text only. */
export function passagesBetween(text: string, headings: PlainHeading[]): Passage[] {
  const [first] = headings;
  const before = { start: 0, end: first?.start ?? text.length };
  const preamble = cutPart(text, { heading: "", headingPath: [], level: 0, start: 0, startLine: 1, span: before });
  const open: PlainHeading[] = [];
  const sections = headings.flatMap((heading, at) => {
    while ((open.at(-1)?.level ?? 0) >= heading.level) open.pop();
    open.push(heading);
    const span = { start: heading.bodyStart, end: headings[at + 1]?.start ?? text.length };
    return cutPart(text, {
      heading: heading.text,
      headingPath: open.map((one) => one.text),
      level: Math.min(heading.level, 6),
      start: heading.start,
      startLine: heading.line,
      span,
    });
  });
  return [...preamble, ...sections];
}
