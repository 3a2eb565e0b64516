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
} from "./block-starts.ts";
import type { Blocks, CodeBlock, Heading, ListItem, TableBlock } from "./blocks.ts";
import { frontMatterRange } from "./front-matter.ts";
import { countLines, eachLine, linesOf, type Line } from "./lines.ts";
import { cellsOf } from "./table-cells.ts";

/** More containers on one line than anybody writes; the rest of such a line is text. */
const MAX_DEPTH = 50;

/**
 * Headings, list items, code blocks and tables by one pass over the lines, in time linear in the text whatever it holds.
 * Follows CommonMark's block rules as far as they decide what is one of these; `test/adapters/markdown/agreement.test.ts`
 * measures it against remark. What stands in quotes is not told.
 */
export function scanBlocks(text: string, from = frontMatterRange(text)?.bodyStart ?? 0): Blocks {
  const scan = new Scan(text, from);
  eachLine(text, from, (start, contentEnd, end) => scan.take(start, contentEnd, end));
  return scan.finish();
}

/** The headings alone. */
export function findHeadings(text: string, from: number): Heading[] {
  return scanBlocks(text, from).headings;
}

interface Paragraph {
  start: number;
  line: number;
  /** Its last line so far. */
  last: { start: number; end: number; line: number };
  /** Containers open around it. */
  depth: number;
  /** A table or a quoted paragraph: an underline does not make it a heading of the document. */
  inert: boolean;
  table: TableBlock | null;
}

/** What is left of a line while containers are taken off its beginning. */
interface Rest {
  line: Line;
  text: string;
  /** Offset of its first character. */
  at: number;
  /** Column of its first character, tabs counted to the next multiple of 4. */
  column: number;
}

class Scan {
  readonly #blocks: Blocks = { headings: [], items: [], codes: [], tables: [] };
  readonly #text: string;
  /** The open list items, outermost first. */
  #items: ListItem[] = [];
  #paragraph: Paragraph | null = null;
  #fence: CodeBlock | null = null;
  #html: { until: RegExp | null } | null = null;
  /** Column of the content that the open fence or HTML block stands in; a line to the left of it ends the block. */
  #verbatimBase = 0;
  /** Number of the line that is taken, 1-based. */
  #number: number;
  /** End of the last line with text. */
  #lastEnd: number;
  /** What keeps the current line from being a thematic break, so that it is not looked for at every depth. */
  #unbroken = { mark: "", at: -1 };

  constructor(text: string, from: number) {
    this.#text = text;
    this.#lastEnd = from;
    this.#number = countLines(text, 0, from);
  }

  take(start: number, contentEnd: number, end: number): void {
    this.#number += 1;
    const { text, at, column } = unindented(this.#text.slice(start, contentEnd), 0, start);
    if (text === "") return this.#takeBlank();
    const rest: Rest = { line: { start, contentEnd, end }, text, at, column };
    if (!this.#insideVerbatim(rest)) this.#takeText(rest);
    this.#lastEnd = contentEnd;
  }

  finish(): Blocks {
    this.#endFence(this.#text.length, this.#text.length, false);
    this.#leaveItems(0);
    return this.#blocks;
  }

  #takeBlank(): void {
    this.#paragraph = null;
    if (this.#html?.until === null) this.#html = null;
  }

  #takeText(rest: Rest): void {
    let open = this.#items.length;
    while (open > 0 && this.#items[open - 1]!.column > rest.column) open -= 1;
    if (open < this.#items.length) {
      if (this.#continuesLazily(rest, open)) return;
      this.#leaveItems(open);
    }
    this.#takeBlock(rest);
  }

  #leaveItems(open: number): void {
    while (this.#items.length > open) {
      const item = this.#items.pop()!;
      item.end = Math.max(item.end, this.#lastEnd);
    }
  }

  /** True when the line belongs to a fence or an HTML block that goes on. */
  #insideVerbatim({ text, column, line }: Rest): boolean {
    const open = this.#fence ?? this.#html;
    if (!open) return false;
    if (column < this.#verbatimBase) {
      this.#endFence(line.start, this.#lastEnd, false);
      this.#html = null;
      return false;
    }
    if (this.#fence) {
      const closes = column - this.#verbatimBase < 4 && closesFence(text, this.#fence);
      if (closes) this.#endFence(line.start, line.contentEnd, true);
    } else if (this.#html?.until?.test(text)) this.#html = null;
    return true;
  }

  #endFence(contentEnd: number, end: number, closed: boolean): void {
    if (!this.#fence) return;
    this.#fence.content.end = Math.max(this.#fence.content.start, contentEnd);
    Object.assign(this.#fence, { end, closed });
    this.#fence = null;
  }

  /** Paragraph text may go on to the left of its list item or quote. */
  #continuesLazily({ text, column }: Rest, open: number): boolean {
    const paragraph = this.#paragraph;
    if (!paragraph || paragraph.depth <= open) return false;
    return column - (this.#items[open - 1]?.column ?? 0) >= 4 || !beginsBlock(text);
  }

  #takeBlock(rest: Rest): void {
    const base = this.#items.at(-1)?.column ?? 0;
    if (rest.column - base >= 4) return; // indented code, or the paragraph goes on
    if (beginsWithWord(rest.text)) return this.#takeParagraph(rest);
    const open = this.#paragraph?.depth === this.#items.length ? this.#paragraph : null;
    if (this.#takeHeading(rest, open) || this.#opensVerbatim(rest, base, open !== null)) return;
    if (this.#isBreak(rest)) this.#paragraph = null;
    else if (rest.text.startsWith(">")) this.#takeQuote(rest);
    else if (!this.#takeItem(rest, open)) this.#takeParagraph(rest);
  }

  #takeHeading({ text, line }: Rest, open: Paragraph | null): boolean {
    const underline = open && !open.inert ? setextLevel(text) : 0;
    const level = underline > 0 ? 0 : atxLevel(text);
    if (open && underline > 0) this.#closeSetext(open, underline, line);
    else if (level === 0) return false;
    else this.#addHeading({ level, text: atxText(text, level), start: line.start, end: line.end, line: this.#number });
    return true;
  }

  #isBreak({ text, at }: Rest): boolean {
    const mark = text[0]!;
    if (this.#unbroken.at >= at && this.#unbroken.mark === mark) return false;
    if (mark !== "*" && mark !== "-" && mark !== "_") return false;
    if (isThematicBreak(text)) return true;
    let other = 0;
    while (text[other] === mark || text[other] === " " || text[other] === "\t") other += 1;
    this.#unbroken = { mark, at: at + other };
    return false;
  }

  #closeSetext(paragraph: Paragraph, level: number, line: Line): void {
    const { start, end, line: last } = paragraph.last;
    const text =
      last === paragraph.line ? this.#text.slice(start, end).trim() : this.#joined(paragraph.start, line.start);
    this.#addHeading({ level, text, start: paragraph.start, end: line.end, line: paragraph.line });
  }

  #joined(from: number, to: number): string {
    return Array.from(linesOf(this.#text, from, to), ({ start, contentEnd }) =>
      this.#text.slice(start, contentEnd).trim(),
    ).join(" ");
  }

  #addHeading(heading: Heading): void {
    this.#paragraph = null;
    if (this.#items.length === 0) this.#blocks.headings.push(heading);
  }

  #opensVerbatim({ text, at, line, column }: Rest, base: number, inParagraph: boolean): boolean {
    const fence = openingFence(text);
    const html = fence ? null : htmlBlock(text);
    if (fence) {
      const info = text.slice(fence.length).trim();
      const content = { start: line.end, end: line.end };
      this.#fence = {
        ...fence,
        start: at,
        column,
        info,
        content,
        end: line.contentEnd,
        closed: false,
        line: this.#number,
      };
      this.#blocks.codes.push(this.#fence);
    } else if (!html || (html.weak && inParagraph)) return false;
    else if (html.until === null || !html.until.test(text.slice(4))) this.#html = { until: html.until };
    this.#verbatimBase = base;
    this.#paragraph = null;
    return true;
  }

  #takeQuote({ text, line }: Rest): void {
    const quoted = unindented(text.slice(1), 0, 0).text;
    const isText = quoted !== "" && !beginsBlock(quoted);
    // Deeper than any line outside the quote can be, so that such a line only continues it.
    this.#paragraph = isText ? this.#paragraphAt(line, Infinity) : null;
    if (this.#paragraph) this.#paragraph.inert = true;
  }

  /** Takes a list marker off the line and goes on with what is behind it. */
  #takeItem(rest: Rest, open: Paragraph | null): boolean {
    const marker = listMarker(rest.text);
    if (!marker || (open && marker.weak) || this.#items.length >= MAX_DEPTH) return false;
    const { width } = marker;
    const behind = unindented(rest.text.slice(width), rest.column + width, rest.at + width);
    const spaces = behind.column - rest.column - width;
    const column = rest.column + width + (behind.text === "" || spaces > 4 ? 1 : spaces);
    const content = behind.text === "" ? rest.line.contentEnd : behind.at;
    const depth = this.#items.length;
    const item = { start: rest.at, width, content, column, end: rest.line.contentEnd, depth, line: this.#number };
    this.#items.push(item);
    this.#blocks.items.push(item);
    this.#paragraph = null;
    if (behind.text !== "") this.#takeBlock({ line: rest.line, ...behind });
    return true;
  }

  #takeParagraph(rest: Rest): void {
    const depth = this.#items.length;
    const paragraph = this.#paragraph;
    if (paragraph) {
      if (paragraph.depth === Infinity) return;
      if (paragraph.depth === depth) return this.#goOn(paragraph, rest);
      if (isTableDelimiter(rest.text)) paragraph.inert = true;
    }
    if (!isDefinition(rest.text)) this.#paragraph = this.#paragraphAt(rest.line, depth, rest.at);
  }

  /** One more line of a paragraph: the row that makes it a table, or a row of the table that it is. */
  #goOn(paragraph: Paragraph, { text, at, line }: Rest): void {
    const stretch = { start: at, end: line.contentEnd };
    if (paragraph.table) paragraph.table.rows.push(stretch);
    else if (!paragraph.inert && isTableDelimiter(text)) {
      paragraph.inert = true;
      const { start, end, line: number } = paragraph.last;
      if (cellsOf(this.#text.slice(start, end)).length === cellsOf(text).length) {
        paragraph.table = { head: { start, end }, delimiter: stretch, rows: [], line: number };
        this.#blocks.tables.push(paragraph.table);
      }
    }
    paragraph.last = { ...stretch, line: this.#number };
  }

  #paragraphAt({ start, contentEnd }: Line, depth: number, at = start): Paragraph {
    const last = { start: at, end: contentEnd, line: this.#number };
    return { start, line: this.#number, last, depth, inert: false, table: null };
  }
}

/** No block begins with a letter, and most lines do. */
function beginsWithWord(text: string): boolean {
  const code = text.charCodeAt(0);
  return (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || code >= 128;
}

/** Whether a line ends a paragraph that it does not stand in. */
function beginsBlock(text: string): boolean {
  if (beginsWithWord(text)) return false;
  const html = htmlBlock(text);
  if (atxLevel(text) > 0 || openingFence(text) || (html && !html.weak)) return true;
  return isThematicBreak(text) || text.startsWith(">") || listMarker(text) !== null;
}

/** The text behind leading spaces and tabs (without trailing ones), its offset and its column. */
function unindented(text: string, from: number, offset: number): { text: string; at: number; column: number } {
  let column = from;
  let at = 0;
  for (; text[at] === " " || text[at] === "\t"; at += 1) column += text[at] === "\t" ? 4 - (column % 4) : 1;
  return { text: (at === 0 ? text : text.slice(at)).trimEnd(), at: offset + at, column };
}
