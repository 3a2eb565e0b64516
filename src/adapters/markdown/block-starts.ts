/**
 * How lines begin that are not paragraph text (CommonMark 0.31, section 4). Each test looks at a line without its
 * indentation and takes time linear in its length.
 */

/** Level of an ATX heading, 0 when it is none. */
export function atxLevel(line: string): number {
  const level = runLength(line, "#");
  if (level === 0 || level > 6) return 0;
  const next = line[level];
  return next === undefined || next === " " || next === "\t" ? level : 0;
}

/** The text of an ATX heading without its marks, the optional closing ones included. */
export function atxText(line: string, level: number): string {
  const text = line.slice(level).trim();
  let end = text.length;
  while (end > 0 && text[end - 1] === "#") end -= 1;
  const closed = end < text.length && (end === 0 || text[end - 1] === " " || text[end - 1] === "\t");
  return closed ? text.slice(0, end).trim() : text;
}

export interface Fence {
  mark: "`" | "~";
  length: number;
}

export function openingFence(line: string): Fence | null {
  const mark = line[0];
  if (mark !== "`" && mark !== "~") return null;
  const length = runLength(line, mark);
  if (length < 3 || (mark === "`" && line.includes("`", length))) return null;
  return { mark, length };
}

export function closesFence(line: string, fence: Fence): boolean {
  const length = runLength(line, fence.mark);
  return length >= fence.length && line.slice(length).trim() === "";
}

/** 1 for `===`, 2 for `---`, 0 when it is no underline of a heading. */
export function setextLevel(line: string): 0 | 1 | 2 {
  const mark = line[0];
  if (mark !== "=" && mark !== "-") return 0;
  return line.slice(runLength(line, mark)).trim() === "" ? (mark === "=" ? 1 : 2) : 0;
}

export function isThematicBreak(line: string): boolean {
  const mark = line[0];
  if (mark !== "*" && mark !== "-" && mark !== "_") return false;
  let count = 0;
  for (let at = 0; at < line.length; at += 1) {
    if (line[at] === mark) count += 1;
    else if (line[at] !== " " && line[at] !== "\t") return false;
  }
  return count >= 3;
}

/** The row below the head of a GFM table. A row of dashes alone is a setext underline instead. */
export function isTableDelimiter(line: string): boolean {
  return /^[|:\- \t]+$/.test(line) && line.includes("-") && /[|:]/.test(line);
}

export interface ListMarker {
  /** Characters of the marker itself: 1 for a bullet. */
  width: number;
  /** May not interrupt a paragraph: an empty item, or an ordered one that does not begin with 1. */
  weak: boolean;
}

export function listMarker(line: string): ListMarker | null {
  const mark = line[0];
  const bullet = mark === "-" || mark === "+" || mark === "*";
  const digits = bullet ? 0 : numberLength(line);
  if (!bullet && digits === 0) return null;
  const width = digits + 1;
  if (width < line.length && line[width] !== " " && line[width] !== "\t") return null;
  const empty = line.length === width || line.slice(width).trimStart() === "";
  return { width, weak: empty || (!bullet && Number(line.slice(0, digits)) !== 1) };
}

/** Digits in front of the dot or bracket of a numbered item; 0 where there is none, or more than nine. */
function numberLength(line: string): number {
  let count = 0;
  while (count < 10 && line[count]! >= "0" && line[count]! <= "9") count += 1;
  return count <= 9 && (line[count] === "." || line[count] === ")") ? count : 0;
}

const BLOCK_TAGS = new Set(
  (
    "address article aside base basefont blockquote body caption center col colgroup dd details dialog dir div dl dt " +
    "fieldset figcaption figure footer form frame frameset h1 h2 h3 h4 h5 h6 head header hr html iframe legend li link " +
    "main menu menuitem nav noframes ol optgroup option p param search section summary table tbody td tfoot th thead " +
    "title tr track ul"
  ).split(" "),
);

export interface HtmlBlock {
  /** What ends it: text on a line, or null for a blank line. */
  until: RegExp | null;
  /** Only complete tags of unknown names: they don't interrupt a paragraph. */
  weak: boolean;
}

export function htmlBlock(line: string): HtmlBlock | null {
  if (line[0] !== "<") return null;
  if (/^<(?:script|pre|style|textarea)(?:[\s>]|$)/i.test(line)) return strong(/<\/(?:script|pre|style|textarea)>/i);
  if (line.startsWith("<!--")) return strong(/-->/);
  if (line.startsWith("<?")) return strong(/\?>/);
  if (line.startsWith("<![CDATA[")) return strong(/\]\]>/);
  if (/^<![A-Za-z]/.test(line)) return strong(/>/);
  const name = /^<\/?([A-Za-z][A-Za-z0-9-]*)(?:[\s>]|\/>|$)/.exec(line)?.[1]?.toLowerCase();
  if (name === undefined) return null;
  if (BLOCK_TAGS.has(name)) return { until: null, weak: false };
  return /^<\/?[A-Za-z][A-Za-z0-9-]*(?:\s[^<>]*)?>\s*$/.test(line) ? { until: null, weak: true } : null;
}

function strong(until: RegExp): HtmlBlock {
  return { until, weak: false };
}

/** A link or footnote definition on one line: no paragraph, so nothing that an underline could make a heading. */
export function isDefinition(line: string): boolean {
  return /^\[[^\]\\]+\]:[ \t]*\S/.test(line);
}

function runLength(line: string, mark: string): number {
  let length = 0;
  while (line[length] === mark) length += 1;
  return length;
}
