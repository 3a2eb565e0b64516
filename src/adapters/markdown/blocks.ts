/** The parts of a document that edits name. Offsets are UTF-16 units into the text without byte order mark. */
export interface Blocks {
  headings: Heading[];
  items: ListItem[];
  codes: CodeBlock[];
  tables: TableBlock[];
}

/** A heading of the document itself: not in a list, quote, fence or HTML block. */
export interface Heading {
  level: number;
  text: string;
  start: number;
  /** Offset behind the heading with its line end. */
  end: number;
  /** 1-based line of `start`. */
  line: number;
}

export interface ListItem {
  /** Offset of the marker: `-`, `*`, `+`, `1.` or `1)`. */
  start: number;
  /** Characters of the marker. */
  width: number;
  /** Offset of what stands behind the marker and its spaces; the end of the line for an empty item. */
  content: number;
  /** Column at which lines of the item's content begin. */
  column: number;
  /** Offset behind its last line with text (line end excluded), items inside included. */
  end: number;
  /** Items around it: 0 at the top. */
  depth: number;
  /** 1-based line of `start`. */
  line: number;
}

/** A fenced code block. */
export interface CodeBlock {
  /** Offset of the opening fence. */
  start: number;
  mark: "`" | "~";
  /** Marks of the opening fence. */
  length: number;
  /** Column of the fence; the block's lines are indented as much. */
  column: number;
  info: string;
  /** From behind the line of the opening fence to the beginning of the line of the closing one. */
  content: { start: number; end: number };
  /** Offset behind the closing fence without its line end; of the content where nothing closes it. */
  end: number;
  closed: boolean;
  line: number;
}

/** Lines of a GFM table, without their line ends. */
export interface TableBlock {
  head: Stretch;
  delimiter: Stretch;
  rows: Stretch[];
  line: number;
}

export interface Stretch {
  start: number;
  end: number;
}
