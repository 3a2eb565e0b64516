import type { ErrorRow } from "./row.ts";

/** Questions and answers. */
export const questions = {
  unknown_question: {
    http: 404,
    exit: 65,
    means: "No question has this id.",
    fix: "Call question_list for the ids that exist.",
  },
  already_answered: {
    http: 409,
    exit: 65,
    means: "The question has an answer already.",
    fix: "Read it with question_get; judge the answer to dispute it.",
  },
  too_many_questions: {
    http: 429,
    exit: 75,
    means: "Too many questions are being answered or wait for an answer.",
    fix: "Wait a moment and ask again with the same idempotency key; answer what waits (`specloop questions --status pending`).",
  },
  question_expired: { http: 410, exit: 65, means: "The question expired without an answer.", fix: "Ask it again." },
} as const satisfies Record<string, ErrorRow>;
