import type { Principal } from "../../foundation/principal.ts";

/** What asks and answers: the question router. */
export interface QuestionDesk {
  ask(
    request: { text: string; kind: "decision"; context: { change: string }; idempotencyKey: string },
    principal: Principal,
    signal: AbortSignal,
  ): Promise<
    | { status: "answered"; questionId: string; answer: { text: string; by: string } }
    | { status: "pending" | "expired"; questionId: string }
  >;
  get(questionId: string): Promise<{ status: string; answer: { text: string; by: string } | null }>;
  answer(request: { questionId: string; text: string; principal: Principal }): Promise<unknown>;
}

/** One open question of a change with what became of it. */
export interface ProcessedQuestion {
  /** Its place in the list of the change, from 1. */
  number: number;
  path: string;
  line: number;
  text: string;
  state: "open" | "asked" | "suggested" | "answered" | "written";
  questionId: string | null;
  answer: string | null;
  answeredBy: string | null;
}

/** What the model says of a change; nothing of it is carried out. */
export interface Suggestions {
  questions: string[];
  improvements: { where: string; what: string }[];
  model: string;
  at: number;
}

export interface Processed {
  changeId: string;
  root: string;
  questions: ProcessedQuestion[];
  suggestions: Suggestions | null;
  note: string | null;
}
