import type { Passage } from "../../../adapters/search/index.ts";
import type { Line } from "../headings.ts";
import { isNoise } from "./comment.ts";

const DECLARATION = /^(\s*)(?:async\s+)?(?:def|class)\s+([A-Za-z_]\w*)/;
const OPENS = /^\s*[rRuUbB]{0,2}("""|''')/;
/** Lines that the head of a function may take until its colon. */
const MAX_HEAD = 30;
const MAX_LINES = 60;

/** Docstrings of a Python file: of the module, of classes and of functions, under `file > Class > function` (PEP 257). */
export function docstrings(lines: Line[], file: string): Passage[] {
  const open: { indent: number; name: string }[] = [];
  const found = [moduleDocstring(lines, file)];
  for (const [at, line] of lines.entries()) {
    const [, spaces, name] = DECLARATION.exec(line.text) ?? [];
    if (spaces === undefined || name === undefined) continue;
    while ((open.at(-1)?.indent ?? -1) >= spaces.length) open.pop();
    open.push({ indent: spaces.length, name });
    const first = endOfHead(lines, at) + 1;
    const text = docstringAt(lines, first);
    if (text) found.push(passage([file, ...open.map((one) => one.name)], lines.slice(at, first), text));
  }
  return found.filter((one) => one !== null);
}

function moduleDocstring(lines: Line[], file: string): Passage | null {
  const first = lines.findIndex(({ text }) => text.trim() !== "" && !/^\s*#/.test(text));
  const text = first === -1 ? null : docstringAt(lines, first);
  return text && passage([file], [], text);
}

/** The last line of `def f(…):`. */
function endOfHead(lines: Line[], first: number): number {
  for (let at = first; at < Math.min(lines.length, first + MAX_HEAD); at += 1) {
    if (/:\s*(?:#.*)?$/.test(lines[at]!.text)) return at;
  }
  return first;
}

interface Docstring {
  startLine: number;
  texts: string[];
}

function docstringAt(lines: Line[], first: number): Docstring | null {
  const quote = OPENS.exec(lines[first]?.text ?? "")?.[1];
  if (quote === undefined) return null;
  const texts: string[] = [];
  for (let at = first; at < lines.length; at += 1) {
    const text = at === first ? lines[at]!.text.replace(OPENS, "") : lines[at]!.text;
    const end = text.indexOf(quote);
    texts.push((end === -1 ? text : text.slice(0, end)).trim());
    if (end !== -1) return isNoise(texts) ? null : { startLine: lines[first]!.number, texts };
  }
  return null;
}

function passage(headingPath: string[], head: Line[], { startLine, texts }: Docstring): Passage {
  while (texts.at(-1) === "") texts.pop();
  const shown = [...head.map(({ text }) => text.trim()), ...texts].slice(0, MAX_LINES);
  const from = head[0]?.number ?? startLine;
  return {
    heading: headingPath.at(-1)!,
    headingPath,
    level: Math.min(headingPath.length, 6),
    startLine: from,
    endLine: from + shown.length - 1,
    text: shown.join("\n"),
  };
}
