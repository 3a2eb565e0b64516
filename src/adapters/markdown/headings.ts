import {
  atxLevel,
  atxText,
  closesFence,
  htmlBlock,
  isDefinition,
  isTableDelimiter,
  isThematicBreak,
  listMarker,
  openingFence,
  setextLevel,
  type Fence,
} from "./block-starts.ts";
import { linesOf, type Line } from "./lines.ts";

/** A heading of the document itself: not in a list, quote, fence or HTML block. */
export interface Heading {
  level: number;
  text: string;
  start: number;
  /** Offset behind the heading with its line end. */
  end: number;
}

/** More containers on one line than anybody writes; the rest of such a line is text. */
const MAX_DEPTH = 50;

/**
 * Headings by one pass over the lines, in time linear in the text whatever it holds. Follows CommonMark's block rules
 * as far as they decide what is a heading; `test/adapters/markdown/agreement.test.ts` measures it against remark.
 */
export function findHeadings(text: string, from: number): Heading[] {
  const scan = new Scan(text);
  for (const line of linesOf(text, from)) scan.take(line);
  return scan.headings;
}

interface Paragraph {
  start: number;
  /** Containers open around it. */
  depth: number;
  /** A table or a quoted paragraph: an underline does not make it a heading of the document. */
  inert: boolean;
}

/** What is left of a line while containers are taken off its beginning. */
interface Rest {
  line: Line;
  text: string;
  /** Column of its first character, tabs counted to the next multiple of 4. */
  column: number;
}

class Scan {
  readonly headings: Heading[] = [];
  readonly #text: string;
  /** Column at which the content of each open list item begins. */
  #items: number[] = [];
  #paragraph: Paragraph | null = null;
  #fence: (Fence & { column: number }) | null = null;
  #html: { until: RegExp | null; column: number } | null = null;

  constructor(text: string) {
    this.#text = text;
  }

  take(line: Line): void {
    const raw = this.#text.slice(line.start, line.contentEnd);
    const rest: Rest = { line, ...unindented(raw, 0) };
    if (rest.text === "") return this.#takeBlank();
    if (this.#insideVerbatim(rest)) return;
    const items = this.#items.filter((column) => column <= rest.column);
    const left = items.length < this.#items.length;
    if (left && this.#continuesLazily(rest, items)) return;
    this.#items = items;
    this.#takeBlock(rest);
  }

  #takeBlank(): void {
    this.#paragraph = null;
    if (this.#html?.until === null) this.#html = null;
  }

  /** True when the line belongs to a fence or an HTML block that goes on. */
  #insideVerbatim({ text, column }: Rest): boolean {
    const open = this.#fence ?? this.#html;
    if (!open) return false;
    if (column < open.column) {
      this.#fence = null;
      this.#html = null;
      return false;
    }
    if (this.#fence) {
      if (column - this.#fence.column < 4 && closesFence(text, this.#fence)) this.#fence = null;
    } else if (this.#html?.until?.test(text)) this.#html = null;
    return true;
  }

  /** Paragraph text may go on to the left of its list item or quote. */
  #continuesLazily({ text, column }: Rest, items: number[]): boolean {
    const paragraph = this.#paragraph;
    if (!paragraph || paragraph.depth <= items.length) return false;
    return column - (items.at(-1) ?? 0) >= 4 || !beginsBlock(text);
  }

  #takeBlock(rest: Rest): void {
    const { text, column, line } = rest;
    const base = this.#items.at(-1) ?? 0;
    if (column - base >= 4) return; // indented code, or the paragraph goes on
    const open = this.#paragraph?.depth === this.#items.length ? this.#paragraph : null;
    if (open && setextLevel(text) > 0 && !open.inert) return this.#closeSetext(open, setextLevel(text), line);
    const level = atxLevel(text);
    if (level > 0) return this.#addHeading({ level, text: atxText(text, level), start: line.start, end: line.end });
    if (this.#opensVerbatim(text, base, open !== null)) return;
    if (isThematicBreak(text)) this.#paragraph = null;
    else if (text.startsWith(">")) this.#takeQuote(rest);
    else if (!this.#takeItem(rest, open)) this.#takeText(rest);
  }

  #closeSetext(paragraph: Paragraph, level: number, line: Line): void {
    const lines = [...linesOf(this.#text, paragraph.start, line.start)];
    const text = lines.map(({ start, contentEnd }) => this.#text.slice(start, contentEnd).trim()).join(" ");
    this.#addHeading({ level, text, start: paragraph.start, end: line.end });
  }

  #addHeading(heading: Heading): void {
    this.#paragraph = null;
    if (this.#items.length === 0) this.headings.push(heading);
  }

  #opensVerbatim(text: string, column: number, inParagraph: boolean): boolean {
    const fence = openingFence(text);
    const html = fence ? null : htmlBlock(text);
    if (fence) this.#fence = { ...fence, column };
    else if (!html || (html.weak && inParagraph)) return false;
    else if (html.until === null || !html.until.test(text.slice(4))) this.#html = { until: html.until, column };
    this.#paragraph = null;
    return true;
  }

  #takeQuote({ text, line }: Rest): void {
    const quoted = unindented(text.slice(1), 0).text;
    const isText = quoted !== "" && !beginsBlock(quoted);
    // Deeper than any line outside the quote can be, so that such a line only continues it.
    this.#paragraph = isText ? { start: line.start, depth: Infinity, inert: true } : null;
  }

  /** Takes a list marker off the line and goes on with what is behind it. */
  #takeItem(rest: Rest, open: Paragraph | null): boolean {
    const marker = listMarker(rest.text);
    if (!marker || (open && marker.weak) || this.#items.length >= MAX_DEPTH) return false;
    const behind = unindented(rest.text.slice(marker.width), rest.column + marker.width);
    const spaces = behind.column - rest.column - marker.width;
    const content = rest.column + marker.width + (behind.text === "" || spaces > 4 ? 1 : spaces);
    this.#items.push(content);
    this.#paragraph = null;
    if (behind.text !== "") this.#takeBlock({ line: rest.line, ...behind });
    return true;
  }

  #takeText({ text, line }: Rest): void {
    const depth = this.#items.length;
    if (this.#paragraph) {
      if (this.#paragraph.depth === Infinity) return;
      if (isTableDelimiter(text)) this.#paragraph.inert = true;
      if (this.#paragraph.depth === depth) return;
    }
    if (!isDefinition(text)) this.#paragraph = { start: line.start, depth, inert: false };
  }
}

/** Whether a line ends a paragraph that it does not stand in. */
function beginsBlock(text: string): boolean {
  const html = htmlBlock(text);
  if (atxLevel(text) > 0 || openingFence(text) || (html && !html.weak)) return true;
  return isThematicBreak(text) || text.startsWith(">") || listMarker(text) !== null;
}

/** The text behind leading spaces and tabs (without trailing ones), and its column. */
function unindented(text: string, from: number): { text: string; column: number } {
  let column = from;
  let at = 0;
  for (; text[at] === " " || text[at] === "\t"; at += 1) column += text[at] === "\t" ? 4 - (column % 4) : 1;
  return { text: text.slice(at).trimEnd(), column };
}
