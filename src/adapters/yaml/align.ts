/**
 * Where each character of a YAML text's value stands in its source, for all five ways of writing one (YAML 1.2.2, ch. 7
 * and 8). Escapes point at their backslash, a folded line end at the line end.
 */
export function alignScalar(source: string, value: string): number[] {
  if (source.startsWith("|") || source.startsWith(">")) return alignBlock(source, value);
  const quote = source.startsWith('"') || source.startsWith("'") ? source[0]! : "";
  return alignFlow(source, value, quote);
}

/** Lines whose indentation is taken off; `>` joins them, which changes line ends only. */
function alignBlock(source: string, value: string): number[] {
  const header = /^[^\n]*\n?/.exec(source)?.[0].length ?? 0;
  const indent = indentation(source.slice(header), value);
  let at = header + indentHere(source, header, indent);
  return Array.from({ length: value.length }, (_, index) => {
    const character = value[index]!;
    if (character !== "\n" && source[at] !== character) at = nextLine(source, at, indent);
    if (character === "\n" && !isBreak(source, at)) return Math.min(at, source.length);
    const here = at;
    if (character === source[at] || (character === "\n" && isBreak(source, at))) {
      at = isBreak(source, at) ? nextLine(source, at, indent) : at + 1;
    }
    return Math.min(here, Math.max(0, source.length - 1));
  });
}

function isBreak(source: string, at: number): boolean {
  return source[at] === "\n" || (source[at] === "\r" && source[at + 1] === "\n");
}

/** What the first line with text has in the source and not in the value; the header may count it from the parent. */
function indentation(lines: string, value: string): number {
  return Math.max(0, leading(lines) - leading(value));
}

function leading(text: string): number {
  const line = text.split("\n").find((candidate) => candidate.trim() !== "") ?? "";
  return /^ */.exec(line)![0].length;
}

function indentHere(source: string, at: number, indent: number): number {
  let width = 0;
  while (width < indent && source[at + width] === " ") width += 1;
  return width;
}

/** Past a line end and the indentation that follows. */
function nextLine(source: string, at: number, indent: number): number {
  const end = source.indexOf("\n", at);
  if (end === -1) return source.length;
  return end + 1 + indentHere(source, end + 1, indent);
}

const ESCAPE_LENGTHS: Record<string, number> = { x: 4, u: 6, U: 10 };

interface Here {
  source: string;
  at: number;
  quote: string;
}

function alignFlow(source: string, value: string, quote: string): number[] {
  let at = quote === "" ? 0 : 1;
  return Array.from({ length: value.length }, (_, index) => {
    const character = value[index]!;
    at = skipFold(source, at, character, quote);
    const here = at;
    at += width({ source, at, quote }, value, index);
    return Math.min(here, Math.max(0, source.length - 1));
  });
}

/** Line ends and the spaces around them that stand for nothing, or for more than was taken so far. */
function skipFold(source: string, at: number, character: string, quote: string): number {
  let here = at;
  for (
    let gap = GAP.exec(source.slice(here, here + MAX_GAP));
    gap;
    gap = GAP.exec(source.slice(here, here + MAX_GAP))
  ) {
    if (character === " " || character === "\n") return here;
    here += gap[0].length;
  }
  if (quote === '"' && source.startsWith("\\\n", here)) {
    here += 2;
    while (source[here] === " " || source[here] === "\t") here += 1;
  }
  return here;
}

/** A line end with the blanks before and after it. */
const GAP = /^[ \t]*\r?\n[ \t]*/;
/** So many line ends stand for one less. */
const GAPS = /^(?:[ \t]*\r?\n)+[ \t]*/;
const MAX_GAP = 2000;

/** How many characters of the source stand for the value's next one. */
function width({ source, at, quote }: Here, value: string, index: number): number {
  const folded = widthOfGap(source.slice(at, at + MAX_GAP), value[index]!, value[index + 1]);
  if (folded > 0) return folded;
  if (quote === "'" && source.startsWith("''", at)) return 2;
  if (quote !== '"' || source[at] !== "\\") return 1;
  const length = ESCAPE_LENGTHS[source[at + 1] ?? ""] ?? 2;
  // An astral character is one escape and two units of the value.
  return length === 10 && isHighSurrogate(value, index) ? 0 : length;
}

/** Of the line ends that stand for a blank or a line end of the value; 0 where there are none. */
function widthOfGap(rest: string, character: string, following: string | undefined): number {
  if (character !== " " && character !== "\n") return 0;
  const last = character === "\n" && following !== "\n";
  const gap = (last ? GAPS : GAP).exec(rest);
  if (!gap) return 0;
  return following === "\n" ? gap[0].search(/\n/) + 1 : gap[0].length;
}

function isHighSurrogate(value: string, index: number): boolean {
  const code = value.charCodeAt(index);
  return code >= 0xd800 && code <= 0xdbff;
}
