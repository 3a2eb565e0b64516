import type { Kysely } from "kysely";
import { insertSealed } from "../adapters/store/index.ts";
import { type Derivation, insertDerivation, insertGist } from "./similar/entries.ts";
import type { Gist } from "./similar/gist.ts";
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
  /** What it asks, where that was worked out already. */
  gist?: Gist | null | undefined;
  /** How agents have to answer it; null where nothing was said. */
  terms?: { quorum: number; choices: string[] | null } | null;
}

/** An answer of the ladder or of a principal. */
export type NewAnswer = Omit<Answer, "at"> & { derivedFrom?: Derivation };

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
  await insertGist(tx, question);
  if (!question.terms) return;
  const { quorum, choices } = question.terms;
  const terms = { question_id: question.id, quorum, choices: choices && JSON.stringify(choices) };
  await insertSealed(tx, "question_terms", terms);
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
  const { derivedFrom, ...kept } = answer;
  if (derivedFrom) await insertDerivation(tx, answer.id, derivedFrom, at);
  return { ...kept, at };
}
