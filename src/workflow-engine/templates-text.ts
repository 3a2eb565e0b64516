import type { Span } from "../adapters/expression/index.ts";

/** A text with templates: literal parts and CEL in `${{ }}`. Places are offsets into the whole text. */
export type TemplatePart = { kind: "text"; text: string } | ({ kind: "cel"; cel: string } & Span);

export interface Template {
  parts: TemplatePart[];
  /** A `${{` without its `}}`. */
  unclosed: Span | null;
  /** The text is one template and nothing else, so that its value keeps its type. */
  whole: boolean;
}

const OPEN = "${{";
const CLOSE = "}}";

export function hasTemplate(text: string): boolean {
  return text.includes(OPEN);
}

/** `$${{` is a literal `${{`. A `}}` inside a CEL text or map does not close. */
export function parseTemplate(text: string): Template {
  const parts: TemplatePart[] = [];
  let literal = "";
  let at = 0;
  for (let open = text.indexOf(OPEN, at); open !== -1; open = text.indexOf(OPEN, at)) {
    if (text[open - 1] === "$" && open > at) {
      literal += `${text.slice(at, open - 1)}${OPEN}`;
      at = open + OPEN.length;
      continue;
    }
    const close = closing(text, open + OPEN.length);
    if (close === -1) return { parts, unclosed: { start: open, end: text.length }, whole: false };
    literal += text.slice(at, open);
    if (literal !== "") parts.push({ kind: "text", text: literal });
    literal = "";
    parts.push(celPart(text, open + OPEN.length, close));
    at = close + CLOSE.length;
  }
  literal += text.slice(at);
  if (literal !== "") parts.push({ kind: "text", text: literal });
  return { parts, unclosed: null, whole: parts.length === 1 && parts[0]?.kind === "cel" };
}

/** Without the blanks around it. */
function celPart(text: string, from: number, to: number): TemplatePart {
  const inner = text.slice(from, to);
  const start = from + (inner.length - inner.trimStart().length);
  const cel = inner.trim();
  return { kind: "cel", cel, start, end: start + cel.length };
}

/** Where the template that begins here is closed; -1 where it is not. */
function closing(text: string, from: number): number {
  let depth = 0;
  for (let at = from; at < text.length; at += 1) {
    const character = text[at]!;
    if (character === '"' || character === "'") {
      at = endOfText(text, at);
      if (at === -1) return -1;
    } else if (character === "{") depth += 1;
    else if (character === "}" && depth > 0) depth -= 1;
    else if (character === "}" && text[at + 1] === "}") return at;
  }
  return -1;
}

function endOfText(text: string, open: number): number {
  for (let at = open + 1; at < text.length; at += 1) {
    if (text[at] === "\\") at += 1;
    else if (text[at] === text[open]) return at;
  }
  return -1;
}

/** A value inside a text: texts as they are, nothing for null, JSON for lists and objects. */
export function asText(value: unknown): string {
  if (value === null || value === undefined) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}
