/** The lines of a document as OpenSpec reads it: no BOM, every line end counts, fenced code is masked. */
export interface Lines {
  /** Without line ends; index 0 is line 1. */
  text: string[];
  /** Whether the line belongs to a fenced code block, its fences included. */
  fenced: boolean[];
  /**
   * Offset of each line's first character, in UTF-16 units of the text without BOM. One entry more than there are lines:
   * the length of that text.
   */
  starts: number[];
  /** Indexes of the lines outside fences that begin with `#`, in order: all that the grammar of specs looks at. */
  hashes: number[];
}

/** A stretch of lines: `from` inclusive, `to` exclusive, both indexes. */
export interface Span {
  from: number;
  to: number;
}

/**
 * A stretch of the text as it lies in the file. Offsets count UTF-16 units of the text without BOM, `end` exclusive;
 * lines are 1-based, `endLine` inclusive.
 */
export interface TextRange {
  line: number;
  endLine: number;
  start: number;
  end: number;
}

const LINE_FEED = 10;
const RETURN = 13;
const SPACE = 32;
const HASH = 35;
const LAST_LETTER = 122;
const BACKTICK = 96;

/** Splits once and masks fences in one pass: a fence is three or more backticks or tildes, indented or not. */
export function splitLines(content: string): Lines {
  const { text, starts } = split(withoutBom(content));
  const fenced: boolean[] = [];
  const hashes: number[] = [];
  let open: Fence | null = null;
  for (let index = 0; index < text.length; index += 1) {
    const line = text[index]!;
    const fence = fenceOf(line);
    const masked: boolean = open !== null || fence !== null;
    fenced.push(masked);
    if (!masked && line.charCodeAt(0) === HASH) hashes.push(index);
    if (open === null) open = fence;
    else if (fence && fence.bare && fence.mark === open.mark && fence.length >= open.length) open = null;
  }
  return { text, fenced, starts, hashes };
}

/** The lines that begin with `#` in a span. */
export function hashesIn({ hashes }: Lines, { from, to }: Span): number[] {
  return hashes.slice(firstFrom(hashes, from), firstFrom(hashes, to));
}

/** Index of the first value that is not below the wanted one; values are in order. */
function firstFrom(values: number[], wanted: number): number {
  let [low, high] = [0, values.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle]! < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

export function withoutBom(content: string): string {
  return content.startsWith("\uFEFF") ? content.slice(1) : content;
}

/** The lines of a span that has at least one, from its first character to the last one that is no white space. */
export function rangeOf({ text, starts }: Lines, { from, to }: Span): TextRange {
  const last = lastWritten(text, { from, to });
  return { line: from + 1, endLine: last + 1, start: starts[from]!, end: starts[last]! + text[last]!.trimEnd().length };
}

/** Index of the last line of a span that is not blank, at least its first. */
function lastWritten(text: string[], { from, to }: Span): number {
  let last = to - 1;
  while (last > from && text[last]!.trim() === "") last -= 1;
  return last;
}

function split(content: string): Pick<Lines, "text" | "starts"> {
  const text: string[] = [];
  const starts = [0];
  let start = 0;
  for (let index = 0; index < content.length; index += 1) {
    const code = content.charCodeAt(index);
    if (code !== LINE_FEED && code !== RETURN) continue;
    text.push(content.slice(start, index));
    if (code === RETURN && content.charCodeAt(index + 1) === LINE_FEED) index += 1;
    start = index + 1;
    starts.push(start);
  }
  text.push(content.slice(start));
  starts.push(content.length);
  return { text, starts };
}

interface Fence {
  mark: string;
  length: number;
  /** Nothing but white space follows: only such a line closes a block. */
  bare: boolean;
}

function fenceOf(line: string): Fence | null {
  if (line === "" || isText(line.charCodeAt(0))) return null;
  const trimmed = line.trimStart();
  const mark = trimmed[0];
  if (mark !== "`" && mark !== "~") return null;
  let length = 1;
  while (trimmed[length] === mark) length += 1;
  return length < 3 ? null : { mark, length, bare: trimmed.slice(length).trim() === "" };
}

/** Most lines begin with a letter, a digit or a sign of markdown's, which is quickly told. */
function isText(code: number): boolean {
  return code > SPACE && code <= LAST_LETTER && code !== BACKTICK;
}
