import { lineEndBehind, linesOf, splitBom, withLineEnds, type LineEnd } from "./lines.ts";

/** The one stretch of a text that an edit replaces; offsets count from behind a byte order mark. */
export interface Splice {
  start: number;
  end: number;
  replacement: string;
}

export function spliced(text: string, { start, end, replacement }: Splice): string {
  return text.slice(0, start) + replacement + text.slice(end);
}

/** Several stretches that do not overlap as one, with what lies between them as it is. */
export function joined(text: string, splices: Splice[]): Splice {
  const sorted = splices.toSorted((a, b) => a.start - b.start || a.end - b.end);
  const start = sorted[0]?.start ?? 0;
  let [at, replacement] = [start, ""];
  for (const splice of sorted) {
    replacement += text.slice(at, splice.start) + splice.replacement;
    at = splice.end;
  }
  return { start, end: at, replacement };
}

/** From the first line with text to the end of the last one, its line end not included; null when all is blank. */
export function coreOf(text: string, from: number, to: number): { start: number; end: number } | null {
  let [start, end] = [-1, -1];
  for (const line of linesOf(text, from, to)) {
    if (text.slice(line.start, line.contentEnd).trim() === "") continue;
    if (start === -1) start = line.start;
    end = line.contentEnd;
  }
  return start === -1 ? null : { start, end };
}

/** Given content with the document's line ends and without blank lines or a byte order mark around it. */
export function trimmedContent(content: string, lineEnd: LineEnd): string {
  const text = withLineEnds(splitBom(content).rest, lineEnd);
  const core = coreOf(text, 0, text.length);
  return core ? text.slice(core.start, core.end) : "";
}

/** Puts a block at the beginning of a line or at the end of the text, set off by blank lines. */
export function insertedBlock(text: string, at: number, block: string, lineEnd: LineEnd): Splice {
  const atEnd = at >= text.length;
  const opensLine = at === 0 || /[\r\n]/.test(text[at - 1] ?? "");
  const gap = at === 0 || blankBefore(text, at) ? "" : opensLine ? lineEnd : lineEnd + lineEnd;
  const final = text === "" || opensLine ? lineEnd : "";
  const behind = atEnd ? final : /[\r\n]/.test(text[at] ?? "") ? lineEnd : lineEnd + lineEnd;
  return { start: at, end: at, replacement: gap + block + behind };
}

/** Whether the line that ends at an offset is blank. */
export function blankBefore(text: string, at: number): boolean {
  let from = at;
  if (text[from - 1] === "\n") from -= text[from - 2] === "\r" ? 2 : 1;
  else if (text[from - 1] === "\r") from -= 1;
  else return false;
  while (text[from - 1] === " " || text[from - 1] === "\t") from -= 1;
  return from === 0 || text[from - 1] === "\n" || text[from - 1] === "\r";
}

/** Whether the line that begins at an offset is blank; false at the end of the text. */
export function blankAt(text: string, at: number): boolean {
  return at < text.length && text.slice(at, lineEndBehind(text, at)).trim() === "";
}

/**
 * Takes whole lines away. At the end of the text the blank lines in front of them go too, so that the text ends as it
 * did; elsewhere the blank lines behind them where there are some on both sides.
 */
export function removedLines(text: string, start: number, end: number, floor = 0): Splice {
  const next = coreOf(text, end, text.length);
  if (!next) {
    const before = coreOf(text, floor, start);
    const ends = /[\r\n]$/.test(text);
    const from = before ? (ends ? lineEndBehind(text, before.end) : before.end) : floor;
    return { start: from, end: text.length, replacement: "" };
  }
  const both = start <= floor || blankBefore(text, start);
  return { start, end: both ? next.start : end, replacement: "" };
}
