import type { Kysely } from "kysely";
import { insertSealed } from "../adapters/store/index.ts";
import type { QuestionTables } from "./tables.ts";
import type { Answer, Kind, Status } from "./types.ts";

type Db = Kysely<QuestionTables>;

/** A question as it is accepted. */
export interface NewQuestion {
  id: string;
  text: string;
  kind: Kind;
  change: string | null;
  key: string;
  asker: string;
  askedAt: number;
  expiresAt: number;
}

/** An answer of the ladder or of a principal. */
export type NewAnswer = Omit<Answer, "at">;

export async function insertQuestion(
  tx: Db,
  question: NewQuestion,
  closed: { status: Status; closedAt: number | null; answerId: string | null },
): Promise<void> {
  await insertSealed(tx, "questions", {
    id: question.id,
    text: question.text,
    kind: question.kind,
    change_id: question.change,
    key: question.key,
    status: closed.status,
    asked_at: question.askedAt,
    asker: question.asker,
    expires_at: question.expiresAt,
    closed_at: closed.closedAt,
    answer_id: closed.answerId,
  });
}

export async function insertAnswer(
  tx: Db,
  question: { id: string; key: string },
  { answer, at }: { answer: NewAnswer; at: number },
): Promise<Answer> {
  await insertSealed(tx, "answers", {
    id: answer.id,
    question_id: question.id,
    key: question.key,
    text: answer.text,
    citations: JSON.stringify(answer.citations),
    route: answer.route,
    confidence: answer.confidence,
    author: answer.by,
    at,
    verdict: null,
    judged_by: null,
    judged_at: null,
  });
  return { ...answer, at };
}
