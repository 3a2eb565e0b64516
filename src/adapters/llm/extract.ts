import { jsonrepair } from "jsonrepair";

/** A repair of more text than this takes longer than it is worth. */
const MAX_REPAIR_LENGTH = 256 * 1024;
/** Objects in one answer that are looked at. */
const MAX_CANDIDATES = 12;

/**
 * The values that may be meant by a model's answer, most likely first: the whole text, fenced blocks, objects and arrays
 * in prose, each parsed as it is; then the same with their syntax repaired (quotes, commas, comments, missing brackets;
 * never content). Nothing where there is nothing like JSON. Takes time linear in the text.
 */
export function* extractJson(answer: string): Generator {
  const candidates = [...new Set(candidatesIn(withoutThoughts(answer)))].slice(0, MAX_CANDIDATES);
  for (const candidate of candidates) yield* attempt(() => JSON.parse(candidate) as unknown);
  for (const candidate of candidates) {
    if (candidate.length > MAX_REPAIR_LENGTH || !/[{[]/.test(candidate)) continue;
    yield* attempt(() => JSON.parse(jsonrepair(candidate)) as unknown);
  }
}

/** Thoughts may hold drafts of the answer; only what comes after them counts. */
function withoutThoughts(answer: string): string {
  const end = /^[\s\S]*<\/(?:think|thinking|reasoning)>/i.exec(answer);
  return end ? answer.slice(end[0].length) : answer;
}

function candidatesIn(text: string): string[] {
  const fences = [...text.matchAll(/```[a-z0-9]*[^\S\n]*\n([\s\S]*?)```/gi)].map((match) => (match[1] ?? "").trim());
  const from = text.search(/[{[]/);
  const to = Math.max(text.lastIndexOf("}"), text.lastIndexOf("]"));
  const widest = from === -1 ? [] : [text.slice(from, to > from ? to + 1 : undefined), text.slice(from)];
  return [text.trim(), ...fences, ...balanced(text), ...widest];
}

/** Top-level `{…}` and `[…]` that begin like JSON, largest first, found in one pass over brackets and strings. */
function balanced(text: string): string[] {
  const found: string[] = [];
  let depth = 0;
  let start = 0;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at] ?? "";
    if (depth > 0 && character === '"') {
      at = endOfString(text, at);
    } else if ("{[".includes(character) && (depth > 0 || beginsJson(text, at))) {
      if (depth === 0) start = at;
      depth += 1;
    } else if (depth > 0 && "}]".includes(character)) {
      depth -= 1;
      if (depth === 0) found.push(text.slice(start, at + 1));
    }
  }
  return found.sort((a, b) => b.length - a.length);
}

/** Index of the quote that ends the string which begins at `from`, or of the last character. */
function endOfString(text: string, from: number): number {
  let at = from + 1;
  while (at < text.length && text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
  return at;
}

/** `{` before a key or `}`, `[` before a value or `]`: keeps braces in prose from swallowing the answer. */
function beginsJson(text: string, at: number): boolean {
  const next = text.slice(at + 1, at + 200).trimStart()[0];
  return text[at] === "{" ? next === '"' || next === "}" : next !== undefined && /[\]{["\d-]/.test(next);
}

/** Syntax errors, and the stack that hostile nesting exhausts, mean that this is no candidate; so do bare words. */
function attempt(parse: () => unknown): unknown[] {
  try {
    const value = parse();
    return value !== null && typeof value === "object" ? [value] : [];
  } catch {
    return [];
  }
}
