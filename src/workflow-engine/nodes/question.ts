import { z } from "zod";
import type { NodeType, Outcome } from "../node-type.ts";
import type { AnswerSeen, QuestionDesk } from "../ports.ts";
import { duration } from "./duration.ts";

/** The signal that wakes a node whose question was answered or expired; its data is the question's id. */
export const ANSWERED = "question:";

const config = z.strictObject({
  text: z.string().min(1).max(4000).describe("What is asked"),
  kind: z.enum(["fact", "how_to", "decision", "authority", "status"]).default("fact"),
  change: z.string().max(200).optional().describe("The change that it is about"),
  timeout: duration.optional().describe("How long an answer is waited for; until the question expires when absent"),
});

/** Asks the question router; an answer that nobody has yet is waited for at no cost, for days. */
export function question(desk: QuestionDesk, now: () => number): NodeType<z.output<typeof config>> {
  return {
    type: "question",
    description: "Asks a question of the documents, agents, models and people, and waits for its answer.",
    config,
    expressions: [],
    literal: ["kind", "timeout"],
    output: () => ({
      type: "object",
      properties: {
        text: { type: "string" },
        by: { type: "string" },
        confidence: { type: "number" },
        citations: { type: "array", items: {} },
        questionId: { type: "string" },
      },
      required: ["text", "by", "confidence", "citations", "questionId"],
    }),
    // Asked again under its key it is the same question.
    onCrash: "retry",
    harmless: () => true,
    execute: async ({ config: given, principal, signal, idempotencyKey, round }) => {
      const { text, kind, change, timeout } = given;
      const key = `${idempotencyKey}/${round}`;
      const asked = await desk.ask({ text, kind, context: { change }, idempotencyKey: key }, principal, signal);
      if (asked.status === "answered") return answered(asked.questionId, asked.answer);
      if (asked.status === "expired") return expired();
      const until = timeout === undefined ? (await desk.get(asked.questionId)).expiresAt : now() + timeout;
      const { questionId } = asked;
      return { outcome: "waiting", signal: ANSWERED + questionId, until, shown: { questionId, text, kind } };
    },
    resume: async ({ waited }) => {
      const questionId = String(waited?.["questionId"]);
      const { answer } = await desk.get(questionId);
      return answer ? answered(questionId, answer) : expired();
    },
  };
}

function answered(questionId: string, { text, by, confidence, citations }: AnswerSeen): Outcome {
  return { outcome: "done", output: { text, by, confidence, citations, questionId } };
}

function expired(): Outcome {
  return { outcome: "failed", kind: "timeout", message: "Nobody answered the question in time." };
}
