import { z } from "zod";
import type { Output } from "../output.ts";
import { forPeople, typed, type Reader } from "../wording.ts";
import { time } from "./question.ts";

const passage = z.object({
  path: z.string(),
  heading: z.string(),
  startLine: z.number(),
  endLine: z.number(),
  excerpt: z.string(),
});
const item = z.object({
  questionId: z.string(),
  text: z.string(),
  kind: z.string(),
  change: z.string().nullable(),
  askedBy: z.string(),
  askedAt: z.number(),
  expiresAt: z.number(),
  waiting: z.number(),
  due: z.enum(["soon", "today", "later"]),
  origin: z.string().nullable(),
  hops: z.array(z.object({ responder: z.string(), outcome: z.string(), reason: z.string() })),
  before: z.array(z.object({ question: z.string(), answer: z.string().nullable() })).default([]),
  passages: z.array(passage),
});
export const inboxShape = z.object({
  items: z.array(item),
  total: z.number(),
  approvals: z.array(z.object({ id: z.string(), title: z.string() })),
});
export type ShownInbox = z.output<typeof inboxShape>;
export type ShownItem = z.output<typeof item>;

const COLORS = { soon: "red", today: "yellow", later: "dim" } as const;

/** What waits, one line each, and the approvals with their command. */
export function inboxTable({ items, total, approvals }: ShownInbox, output: Output, reader: Reader): string {
  const rows = items.map(({ questionId, due, kind, waiting, askedAt, askedBy, change, text, before }) => [
    questionId,
    output.style(COLORS[due], due),
    kind,
    waiting > 1 ? String(waiting) : "",
    time(askedAt),
    askedBy,
    change ?? "",
    line(text, before.length === 0 ? 80 : 40) +
      (before.length === 0 ? "" : ` (after: ${line(before.at(-1)!.question, 60)})`),
  ]);
  const headers = ["QUESTION", "DUE", "KIND", "WAITING", "SINCE", "BY", "CHANGE", "TEXT"];
  const table = rows.length === 0 ? "No question waits for you." : output.table(headers, rows);
  const more = total > items.length ? `\n${items.length} of ${total}; --limit shows more.` : "";
  const hint = rows.length === 0 ? "" : `\n\nAnswer one: ${typed('specloop answer ID "…"', reader)}`;
  return `${table}${more}${hint}${approvalLines(approvals, reader)}`;
}

/** One question as the walk shows it: who asks, since when, what was tried, what was found. */
export function itemView(shown: ShownItem, place: { number: number; of: number }, output: Output): string {
  const { questionId, due, kind, change, text, askedBy, askedAt, expiresAt, waiting, origin, hops, passages } = shown;
  const others = waiting > 1 ? ` and ${waiting - 1} more` : "";
  const dim = (words: string) => output.style("dim", words);
  return [
    `${output.style("bold", `${place.number}/${place.of}`)} ${questionId} ${output.style(COLORS[due], due)} ${kind}${change === null ? "" : `, about ${change}`}`,
    "",
    ...shown.before.flatMap(({ question, answer }) => [
      dim(`  before: ${line(question, 300)}`),
      dim(`          ${answer === null ? "(not answered)" : line(answer, 300)}`),
    ]),
    `  ${text.replaceAll("\n", "\n  ")}`,
    "",
    dim(`asked ${time(askedAt)} by ${askedBy}${others}; expires ${time(expiresAt)}`),
    ...(origin === null ? [] : [dim(`asked in ${origin}: your answer is written below it`)]),
    ...hops.map(({ responder, outcome, reason }) => dim(`tried ${responder}: ${outcome}, ${reason}`)),
    ...passages.flatMap(({ path, heading, startLine, endLine, excerpt }) => [
      dim(`near  ${path}:${startLine}-${endLine}${heading === "" ? "" : ` (${heading})`}`),
      dim(`      ${excerpt}`),
    ]),
  ].join("\n");
}

const answered = z.object({
  questionId: z.string(),
  answer: z.object({ text: z.string(), by: z.string() }),
  written: z.object({ path: z.string(), status: z.string(), message: z.string() }).optional(),
});

/** What became of an answer, and where it stands. */
export function answeredView(result: unknown, output: Output): string {
  const { questionId, answer, written } = answered.parse(result);
  const where = written
    ? `\n${written.path}: ${written.status.replaceAll("_", " ")}. ${forPeople(written.message)}`
    : "";
  return `${questionId} is ${output.style("green", "answered")} by ${answer.by}.\n\n${answer.text}${where}`;
}

/** The question as it stands below an answer that is being written. */
export function questionText(result: unknown): string {
  const { text, askedBy, kind } = z.object({ text: z.string(), askedBy: z.string(), kind: z.string() }).parse(result);
  return `${askedBy} asks (${kind}):\n\n${text}`;
}

function approvalLines(approvals: ShownInbox["approvals"], reader: Reader): string {
  if (approvals.length === 0) return "";
  const lines = approvals.map(
    ({ id, title }) => `  ${typed(`specloop approvals show ${id}`, reader)}  ${line(title, 80)}`,
  );
  return `\n\n${approvals.length} waiting for your approval:\n${lines.join("\n")}`;
}

function line(text: string, most: number): string {
  const one = text.replaceAll(/\s+/g, " ").trim();
  return one.length <= most ? one : `${one.slice(0, most - 1)}…`;
}
