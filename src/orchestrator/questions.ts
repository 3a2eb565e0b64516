import type { Lines } from "../adapters/openspec/index.ts";

/** A question that a document asks in a section of its own. */
export interface AskedQuestion {
  line: number;
  /** Last line that belongs to it: its own text, notes below it, an answer. */
  endLine: number;
  /** Columns by which a text below it is indented to belong to it; null for a paragraph, below which an own one follows. */
  indent: number | null;
  text: string;
  answered: boolean;
}

const MAX_QUESTIONS = 100;
const MAX_TEXT = 1000;

const HEADING = /^(#{1,6})\s+(.*)$/;
const SECTION =
  /^(?:[\d.]+\s*)?(?:open|unresolved|outstanding)\s+(?:questions?|issues?)\b|^questions?$|^(?:开放|未决|待定|待解决)(?:的)?问题/i;
const ITEM = /^(\s*)(?:[-*+]|\d{1,9}[.)])\s+(.*)$/;
const NOTHING = /^(?:none|n\/a|nothing|no open questions?|无|暂无)\b|^(?:无|暂无)/i;
const ANSWER =
  /^(?:>\s*)?(?:\*\*|_|~~)?(?:answer(?:ed)?|a|resolved|resolution|decision|decided|outcome|答|决定|结论)(?:\*\*|_)?\s*(?:\([^()]*\)\s*)?[:：]|^(?:→|=>|->|✅)/i;
const INLINE_ANSWER =
  /\*\*(?:answer(?:ed)?|resolved|resolution|decision|decided|outcome)\b|(?:\s|^)(?:→|=>)\s|[([](?:answered|resolved|decided)\b/i;

/**
 * The questions below headings like "Open Questions": each list item of the outermost level, or each paragraph that
 * ends with a question mark. One counts as answered when it is struck out, ticked, or followed by an answer.
 */
export function openQuestions({ text, fenced }: Lines): AskedQuestion[] {
  const questions: AskedQuestion[] = [];
  let level = 0;
  let indent: number | null = null;
  for (const [index, line] of text.entries()) {
    if (fenced[index]) continue;
    const heading = line.startsWith("#") ? HEADING.exec(line) : null;
    if (heading) {
      if (level === 0 || heading[1]!.length <= level) level = SECTION.test(heading[2]!.trim()) ? heading[1]!.length : 0;
      indent = null;
    } else if (level > 0 && line.trimStart() !== "") indent = readLine(questions, line, index + 1, indent);
    if (questions.length > MAX_QUESTIONS) return questions.slice(0, MAX_QUESTIONS);
  }
  return questions.filter(({ text: question }) => !NOTHING.test(question));
}

/** Takes one line of the section up; returns the indent of the outermost list items. */
function readLine(questions: AskedQuestion[], line: string, number: number, indent: number | null): number | null {
  const item = ITEM.exec(line.slice(0, MAX_TEXT));
  if (item && (indent === null || item[1]!.length <= indent)) {
    const begin = line.length - line.slice(0, MAX_TEXT).trimStart().length;
    questions.push(asked(item[2]!, number, begin + contentIndent(line.trimStart())));
    return item[1]!.length;
  }
  const more = (item?.[2] ?? line).trim().slice(0, MAX_TEXT);
  const last = questions.at(-1);
  const isAnswer = last !== undefined && ANSWER.test(more);
  if (isAnswer) last.answered = true;
  else if (last && indent !== null) addTo(last, more, item !== null);
  else if (/[?？]$/.test(more)) questions.push(asked(more, number, null));
  if (last && (isAnswer || indent !== null)) last.endLine = number;
  return indent;
}

/** A line that goes on is part of the question; items below it are notes. */
function addTo(question: AskedQuestion, more: string, isNote: boolean): void {
  question.answered ||= INLINE_ANSWER.test(more);
  if (!isNote && !question.answered) question.text = `${question.text} ${more}`.slice(0, MAX_TEXT);
}

/** Columns of a list item's marker and the space behind it. */
function contentIndent(item: string): number {
  return /^(?:[-*+]|\d{1,9}[.)])\s{1,4}/.exec(item)?.[0].length ?? 2;
}

function asked(raw: string, line: number, indent: number | null): AskedQuestion {
  const box = /^\[(.?)\]\s+(.*)$/.exec(raw);
  const text = (box?.[2] ?? raw).trim();
  const answered = box?.[1]?.toLowerCase() === "x" || text.startsWith("~~") || INLINE_ANSWER.test(text);
  return { line, endLine: line, indent, text, answered };
}
