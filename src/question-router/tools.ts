import { z } from "zod";
import { defineTool, type Tool } from "../foundation/tool.ts";
import { agentTools, type OfferedItem, type Received, renderOffers } from "./agents/index.ts";
import { evaluationTool } from "./evaluation/tool.ts";
import { inboxTool } from "./people/index.ts";
import { statisticsTool } from "./stats/tools.ts";
import {
  renderAnswered,
  renderAsked,
  renderJudged,
  renderPage,
  renderReceived,
  renderView,
  type ShownJudgement,
  type ShownPage,
  type ShownSubmission,
  type ShownView,
} from "./render.ts";
import type { QuestionRouter } from "./router.ts";
import { type AskResult, KINDS, MAX_ANSWER, MAX_QUESTION, MAX_WAIT_MS, STATUSES, VERDICTS } from "./types.ts";

// Every client pays for these schemas in tokens, so they name what an agent acts on; the results carry all fields of
// `types.ts` beyond that.
const citation = z.looseObject({ path: z.string(), heading: z.string(), startLine: z.number() });
const answer = z.looseObject({ text: z.string(), by: z.string(), citations: z.array(citation) });
/** Characters of an answer in a list. */
const MAX_EXCERPT = 300;
const status = z.enum(STATUSES);
const summary = z.looseObject({ questionId: z.string(), status: z.string(), text: z.string() });
/** A bound that is checked and not written into the schema: no model learns anything from it beforehand. */
const upTo = (most: number) =>
  z.string().refine((text) => text.length <= most, { error: `has at most ${most} characters` });
const questionId = upTo(60);
const waitMs = z.int().min(0).max(MAX_WAIT_MS).optional();

/** The tools of this room. */
export function tools(router: QuestionRouter): Tool[] {
  return [
    ask(router),
    askOnTerms(router),
    statisticsTool(router),
    get(router),
    list(router),
    submit(router),
    judge(router),
    inboxTool(router),
    evaluationTool(router),
    ...agentTools(router),
  ];
}

function ask(router: QuestionRouter): Tool {
  return defineTool({
    name: "question_ask",
    title: "Ask a question",
    description:
      "Answers from earlier answers, this project's documents or the local model, with citations. " +
      "Without an answer it stays pending: go on with other work, call question_get later.",
    effect: "add",
    toolset: "default",
    input: z.object({
      text: z.string().min(1).max(MAX_QUESTION),
      kind: z.enum(KINDS).optional().describe("authority (may I?) is answered by documents and people only."),
      change: upTo(200).optional().describe("Change id that it is about."),
      waitMs: waitMs.describe("Wait for anybody's answer."),
    }),
    output: z.looseObject({ status, questionId: z.string(), answer: answer.optional() }),
    changed: ({ cached }) => cached !== true,
  }).handle({
    run: ({ change, ...request }, { principal, signal, forms, filled }) => {
      const asked = { ...request, context: { change } };
      if (filled) return router.people.take(filled, asked, principal);
      // Whoever sits at the client is asked at once, not when the waiting for somebody else is over.
      const waitMs = forms && router.people.mayShow(request.kind ?? "fact") ? undefined : request.waitMs;
      return router.ask({ ...asked, waitMs }, principal, signal);
    },
    render: (output) => renderAsked(output as unknown as AskResult),
    form: async ({ waitMs }, { status, questionId }, { principal }) =>
      status === "pending" ? router.people.form(questionId, principal, waitMs) : null,
  });
}

function askOnTerms(router: QuestionRouter): Tool {
  return defineTool({
    name: "question_ask_on_terms",
    title: "Ask with a deadline, a budget, several agents or choices",
    description:
      "As question_ask, and says how it is to be answered: by when, for how much, by how many agents of whom more than half " +
      "must agree, or with which answers. What agents do not agree on is left to a person, who sees what each said.",
    effect: "add",
    toolset: "full",
    input: z.object({
      text: z.string().min(1).max(MAX_QUESTION),
      kind: z.enum(KINDS).optional(),
      change: upTo(200).optional().describe("Change id that it is about."),
      waitMs: waitMs.describe("Wait for anybody's answer."),
      deadlineMs: z
        .int()
        .min(1000)
        .max(31_536_000_000)
        .optional()
        .describe("Milliseconds after which it expires without an answer."),
      budget: z
        .strictObject({ usd: z.number().min(0).optional(), tokens: z.int().min(0).optional() })
        .optional()
        .describe("The most that answering may cost; who would exceed it is not asked."),
      quorum: z.int().min(2).max(5).optional().describe("How many different agents are asked, and only agents."),
      choices: z.array(z.string().min(1).max(200)).min(2).max(20).optional().describe("The only answers there are."),
    }),
    output: z.looseObject({ status, questionId: z.string(), answer: answer.optional() }),
    changed: ({ cached }) => cached !== true,
  }).handle({
    run: ({ change, ...request }, { principal, signal }) =>
      router.ask({ ...request, context: { change } }, principal, signal),
    render: (output) => renderAsked(output as unknown as AskResult),
  });
}

function get(router: QuestionRouter): Tool {
  return defineTool({
    name: "question_get",
    title: "Read a question",
    description: "A question with its answer; waitMs waits for one.",
    effect: "read",
    idempotent: true,
    toolset: "default",
    input: z.object({ questionId, waitMs }),
    output: summary.extend({ answer: z.looseObject({ text: z.string() }).optional() }),
  }).handle({
    run: async ({ questionId, waitMs }, { signal }) => {
      const { answer, ...view } = await router.get(questionId, { waitMs, signal });
      return answer ? { ...view, answer } : view;
    },
    render: (output) => renderView(output as unknown as ShownView),
  });
}

function list(router: QuestionRouter): Tool {
  return defineTool({
    name: "question_list",
    title: "List questions",
    description: "Questions, newest first; pending ones wait for an answer.",
    effect: "read",
    idempotent: true,
    toolset: "default",
    input: z.object({
      status: status.optional(),
      for: z.enum(["agent", "person", "me"]).optional().describe("Only for them; me: offered to you."),
      cursor: upTo(200).optional(),
      limit: z.int().min(1).max(100).optional(),
    }),
    output: z.looseObject({ questions: z.array(summary), nextCursor: z.string().optional() }),
  }).handle({
    run: async ({ for: who, ...request }, { principal }) => {
      if (who === "me") return offered(await router.agents.heartbeat(principal, {}));
      const { questions, nextCursor, total } = await router.list({ ...request, for: who });
      const rows = questions.map((view) => ({ ...view, answer: view.answer?.text.slice(0, MAX_EXCERPT) ?? null }));
      return { questions: rows, total, ...(nextCursor === null ? {} : { nextCursor }) };
    },
    render: (output) => {
      const { offers } = output as { offers?: OfferedItem[] };
      return offers ? renderOffers({ offers }) : renderPage(output as unknown as ShownPage);
    },
  });
}

/** Offers in the shape of a list, so that one reader suffices. */
function offered(offers: OfferedItem[]) {
  const questions = offers.map((offer) => ({ ...offer, status: "pending" as const, answer: null }));
  return { questions, offers, total: offers.length };
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
        .array(z.object({ path: upTo(1000), heading: upTo(500).optional() }))
        .max(20)
        .optional(),
      into: z
        .object({ path: upTo(1000), heading: upTo(500).optional() })
        .optional()
        .describe("Also write it there."),
    }),
    output: z.looseObject({ questionId: z.string() }),
  }).handle({
    run: async (request, { principal }) =>
      (await router.agents.receive({ ...request, principal })) ?? router.people.answer({ ...request, principal }),
    render: (output) =>
      "outcome" in output
        ? renderReceived(output as unknown as Received)
        : renderAnswered(output as unknown as ShownSubmission),
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
    output: z.looseObject({ answerId: z.string() }),
  }).handle({
    run: (request, { principal }) => router.judge({ ...request, principal }),
    render: (output) => renderJudged(output as unknown as ShownJudgement),
  });
}
