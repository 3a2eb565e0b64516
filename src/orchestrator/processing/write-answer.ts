import { splitLines } from "../../adapters/openspec/index.ts";
import { openQuestions, type AskedQuestion } from "../questions.ts";

export interface GivenAnswer {
  /** The question as it was read from the document. */
  question: string;
  answer: string;
  /** Who gave it, as people are named in the document. */
  by: string;
  /** `2026-11-21`. */
  day: string;
}

/**
 * The document with the answer below the list item or paragraph that asks: a quote that says who and when, indented so
 * that it belongs to the item. Line ends are kept; nothing else changes. Null when the document does not ask that any
 * more, asks it twice, or has an answer already.
 */
export function withAnswer(text: string, given: GivenAnswer): string | null {
  const asking = openQuestions(splitLines(text)).filter((question) => isSame(question.text, given.question));
  const [question, ...others] = asking.filter(({ answered }) => !answered);
  if (!question || others.length > 0) return null;
  const lines = text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
  const lineEnd = lines.some((line) => line.endsWith("\r\n")) ? "\r\n" : "\n";
  const last = lines[question.endLine - 1] ?? "";
  const before = lines.slice(0, question.endLine).join("");
  const closed = last.endsWith("\n") ? before : before + lineEnd;
  const quote = quoteOf(question, given).map((line) => line + lineEnd);
  const after = lines.slice(question.endLine).join("");
  const ended = last.endsWith("\n") || after !== "" ? quote.join("") : quote.join("").slice(0, -lineEnd.length);
  return closed + (question.indent === null ? lineEnd : "") + ended + after;
}

/** Lines of a block quote; what looks like a heading or list in the answer stays inside it. */
function quoteOf(question: AskedQuestion, { answer, by, day }: GivenAnswer): string[] {
  const indent = " ".repeat(question.indent ?? 0);
  const lines = `**Answer** (${plain(by)}, ${day}): ${answer.trim()}`.split(/\r?\n/);
  return lines.map((line) => `${indent}> ${line}`.trimEnd());
}

function plain(name: string): string {
  return name.replaceAll(/[()*_`<>\n\r]/g, " ").trim();
}

/** White space and case aside; a question that was reworded is another one. */
function isSame(a: string, b: string): boolean {
  return normalized(a) === normalized(b);
}

export function normalized(text: string): string {
  return text.replaceAll(/\s+/g, " ").trim().toLowerCase();
}
