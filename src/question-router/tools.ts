import { z } from "zod";
import { defineTool, type Tool } from "../foundation/tool.ts";
import { renderAsked, renderAnswered, renderJudged, renderPage, renderView } from "./render.ts";
import type { QuestionRouter } from "./router.ts";
import { KINDS, MAX_ANSWER, MAX_QUESTION, MAX_WAIT_MS, STATUSES, VERDICTS } from "./types.ts";

const citation = z.object({
  path: z.string(),
  heading: z.string(),
  startLine: z.number(),
  endLine: z.number(),
  revision: z.string(),
});
const answer = z.object({
  id: z.string(),
  text: z.string(),
  route: z.string().describe("cache, documents, model, person or agent"),
  by: z.string(),
  confidence: z.number(),
  citations: z.array(citation),
});
const hop = z.object({ responder: z.string(), outcome: z.string(), ms: z.number(), reason: z.string() });
const question = z.object({
  questionId: z.string(),
  text: z.string(),
  kind: z.enum(KINDS),
  change: z.string().nullable(),
  status: z.enum(STATUSES),
  askedBy: z.string(),
  askedAt: z.number().describe("Epoch ms."),
  expiresAt: z.number(),
  answer: answer.nullable(),
  verdict: z.enum(VERDICTS).nullable(),
});
const questionId = z.string().max(60).describe("q-…");
const waitMs = z.int().min(0).max(MAX_WAIT_MS).optional();
const idempotencyKey = z.string().min(1).max(200).optional();

/** The tools of this room. */
export function tools(router: QuestionRouter): Tool[] {
  return [ask(router), get(router), list(router), submit(router), judge(router)];
}

function ask(router: QuestionRouter): Tool {
  return defineTool({
    name: "question_ask",
    title: "Ask a question",
    description:
      "Answers a question about this project from earlier answers, its documents or the local model, with citations. " +
      "Without an answer it stays pending for agents and people: go on with other work and call question_get later.",
    effect: "add",
    toolset: "default",
    input: z.object({
      text: z.string().min(1).max(MAX_QUESTION),
      kind: z.enum(KINDS).optional().describe("authority (may I?) is answered by documents and people only."),
      change: z.string().max(200).optional().describe("Change id that it is about."),
      waitMs: waitMs.describe("Wait for anybody's answer."),
      idempotencyKey,
    }),
    output: z.object({
      status: z.enum(STATUSES),
      questionId: z.string(),
      cached: z.boolean(),
      answer: answer.nullable(),
      hops: z.array(hop),
      resource: z.string().nullable().describe("Subscribe to it while pending."),
    }),
  }).handle({
    run: async ({ change, ...request }, { principal, signal }) => {
      const result = await router.ask({ ...request, context: { change } }, principal, signal);
      const blank = { cached: false, answer: null, hops: [], resource: null };
      return { ...blank, ...result };
    },
    render: renderAsked,
  });
}

function get(router: QuestionRouter): Tool {
  return defineTool({
    name: "question_get",
    title: "Read a question",
    description: "A question with its answer. waitMs waits for the answer instead of calling again and again.",
    effect: "read",
    idempotent: true,
    toolset: "default",
    input: z.object({ questionId, waitMs }),
    output: question.extend({ hops: z.array(hop) }),
  }).handle({
    run: ({ questionId, waitMs }, { signal }) => router.get(questionId, { waitMs, signal }),
    render: renderView,
  });
}

function list(router: QuestionRouter): Tool {
  return defineTool({
    name: "question_list",
    title: "List questions",
    description: "Questions, newest first. status pending shows what waits for an answer.",
    effect: "read",
    idempotent: true,
    toolset: "default",
    input: z.object({
      status: z.enum(STATUSES).optional(),
      for: z.enum(["agent", "person"]).optional().describe("Only what they may answer."),
      cursor: z.string().max(200).optional(),
      limit: z.int().min(1).max(100).optional(),
    }),
    output: z.object({
      questions: z.array(question.omit({ answer: true, verdict: true }).extend({ answer: z.string().nullable() })),
      total: z.number(),
      nextCursor: z.string().nullable(),
    }),
  }).handle({
    run: async (request) => {
      const { questions, ...page } = await router.list(request);
      return {
        ...page,
        questions: questions.map((view) => ({ ...view, answer: view.answer?.text.slice(0, 300) ?? null })),
      };
    },
    render: renderPage,
  });
}

function submit(router: QuestionRouter): Tool {
  return defineTool({
    name: "answer_submit",
    title: "Answer a question",
    description: "Answers a pending question for everybody who asks it. Cite the documents that prove it.",
    effect: "add",
    toolset: "default",
    input: z.object({
      questionId,
      text: z.string().min(1).max(MAX_ANSWER),
      citations: z
        .array(z.object({ path: z.string().max(1000), heading: z.string().max(500).optional() }))
        .max(20)
        .optional(),
      idempotencyKey,
    }),
    output: z.object({ questionId: z.string(), answer }),
  }).handle({
    run: (request, { principal }) => router.answer({ ...request, principal }),
    render: renderAnswered,
  });
}

function judge(router: QuestionRouter): Tool {
  return defineTool({
    name: "answer_judge",
    title: "Judge an answer",
    description: "Says whether an answer was useful, wrong or outdated. A wrong or outdated one is never served again.",
    effect: "write",
    toolset: "full",
    input: z.object({
      questionId,
      verdict: z.enum(VERDICTS),
      correction: z.string().min(1).max(MAX_ANSWER).optional().describe("The right answer."),
    }),
    output: z.object({ answerId: z.string(), corrected: answer.nullable() }),
  }).handle({
    run: (request, { principal }) => router.judge({ ...request, principal }),
    render: renderJudged,
  });
}
