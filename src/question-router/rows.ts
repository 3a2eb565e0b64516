import type { Selectable } from "kysely";
import { SpecloopError } from "../foundation/errors.ts";
import type { QuestionTables } from "./tables.ts";
import type { Answer, QuestionView, Verdict } from "./types.ts";

export type QuestionRow = Selectable<QuestionTables["questions"]>;
export type AnswerRow = Selectable<QuestionTables["answers"]>;

export interface StoredAnswer {
  questionId: string;
  answer: Answer;
  verdict: Verdict | null;
}

/** What the loop needs of a recorded question. */
export interface HistoryRow {
  question: QuestionRow;
  answers: StoredAnswer[];
}

export function toView(row: QuestionRow, answer: AnswerRow | null, now: number): QuestionView {
  const expired = row.status === "pending" && row.expires_at <= now;
  return {
    questionId: row.id,
    text: row.text,
    kind: row.kind,
    change: row.change_id,
    status: expired ? "expired" : row.status,
    askedBy: row.asker,
    askedAt: row.asked_at,
    expiresAt: row.expires_at,
    answer: answer && toAnswer(answer),
    verdict: answer?.verdict ?? null,
  };
}

export function toStored(row: AnswerRow): StoredAnswer {
  return { questionId: row.question_id, answer: toAnswer(row), verdict: row.verdict };
}

export function toAnswer({ id, text, citations, route, confidence, author, at }: AnswerRow): Answer {
  return { id, text, citations: JSON.parse(citations) as Answer["citations"], route, confidence, by: author, at };
}

/** Opaque to callers. */
export function decodeCursor(cursor: string): { askedAt: number; id: string } {
  const match = /^(\d{1,16}):([\w-]{1,40})$/.exec(Buffer.from(cursor, "base64url").toString("utf8"));
  if (!match)
    throw new SpecloopError("bad_input", "The cursor is not one that was returned here.", { target: "cursor" });
  return { askedAt: Number(match[1]), id: match[2]! };
}

export function encodeCursor(row: QuestionRow): string {
  return Buffer.from(`${row.asked_at}:${row.id}`).toString("base64url");
}
