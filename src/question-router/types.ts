import type { Principal } from "../foundation/principal.ts";

/**
 * What is asked for. `authority` ("may I …?") is answered by documents and people only; see `policy.ts`.
 */
export const KINDS = ["fact", "how_to", "decision", "authority", "status"] as const;
export type Kind = (typeof KINDS)[number];

export const STATUSES = ["pending", "answered", "expired"] as const;
export type Status = (typeof STATUSES)[number];

export const VERDICTS = ["useful", "wrong", "outdated"] as const;
export type Verdict = (typeof VERDICTS)[number];

/** The rungs of the ladder below the exact cache, by what answers there. */
export const RESPONDERS = ["documents", "similar", "tool", "agent", "model"] as const;
export type ResponderName = (typeof RESPONDERS)[number];

/** Who answered: the exact cache, the documents, a similar question's answer, a tool, an agent, the model or a person. */
export type Route = "cache" | ResponderName | "person";

/** Longest question and answer, in characters. */
export const MAX_QUESTION = 4000;
export const MAX_ANSWER = 20_000;
/** Longest wait of one call; clients cut calls at 60 seconds and less. */
export const MAX_WAIT_MS = 25_000;

/**
 * A place in a document as it was when the answer was given. (Results are types, not interfaces: tools hand them through
 * schemas that are open for further fields.)
 */
export type Citation = {
  path: string;
  /** Heading path joined with ` > `; empty for the text before the first heading. */
  heading: string;
  startLine: number;
  endLine: number;
  /** Git blob id of the document. */
  revision: string;
};

export type Answer = {
  id: string;
  text: string;
  citations: Citation[];
  route: Exclude<Route, "cache">;
  /** 0..1: of documents how probable it is that they answer (`confidence.ts`), of the model its own statement, of people 1. */
  confidence: number;
  /** Label of who gave it: `person:ada`, `system:documents`. */
  by: string;
  /** Epoch milliseconds. */
  at: number;
};

/**
 * How a rung ended: it answered; it declined; it failed; it was not asked (`skipped`: budget, deadline); another one was
 * first (`cancelled`); its answer was too unsure to be taken while others were still to be asked (`held`).
 */
export type Outcome = "answered" | "declined" | "failed" | "skipped" | "cancelled" | "held";

/** One rung of the ladder that was tried. */
export type Hop = {
  responder: string;
  outcome: Outcome;
  /** Epoch milliseconds at which it began. */
  at?: number;
  ms: number;
  reason: string;
  /** What it used, where it used anything that is counted. */
  cost?: Cost;
};

/** Money is null where no price is known: unknown, never 0. */
export type Cost = { tokensIn: number; tokensOut: number; usd: number | null };

export interface AskRequest {
  text: string;
  kind?: Kind | undefined;
  /** Answers for a change are kept apart from general ones; a session's follow-up questions see what was said before. */
  context?: { change?: string | undefined; session?: string | undefined } | undefined;
  /**
   * Milliseconds to wait for anybody's answer, 0..25000. Without it the call waits for the model (up to
   * `questions.waitMs`), never for people.
   */
  waitMs?: number | undefined;
  /** Milliseconds after which the question expires without an answer, 1000 to a year; `questions.expireHours` when absent. */
  deadlineMs?: number | undefined;
  /** The most that answering may cost; a rung that would exceed it is skipped, and says so. */
  budget?: Budget | undefined;
  /** How many different agents (2..5) have to be asked, of whom more than half must agree; else a person decides. */
  quorum?: number | undefined;
  /** The only answers that agents may give, 2..20. */
  choices?: string[] | undefined;
  idempotencyKey?: string | undefined;
}

export type Budget = { usd?: number | undefined; tokens?: number | undefined };

export type AskResult =
  | {
      status: "answered";
      questionId: string;
      /** `route` is `cache` when the answer was given before; `answer.by` still names who gave it. */
      answer: Omit<Answer, "route"> & { route: Route };
      cached: boolean;
      ms: number;
      hops: Hop[];
    }
  | { status: "pending"; questionId: string; hops: Hop[]; resource: string }
  | { status: "expired"; questionId: string };

export type QuestionView = {
  questionId: string;
  text: string;
  kind: Kind;
  change: string | null;
  status: Status;
  askedBy: string;
  /** Epoch milliseconds. */
  askedAt: number;
  expiresAt: number;
  answer: Answer | null;
  /** What was said of the answer. */
  verdict: Verdict | null;
};

export interface ListRequest {
  status?: Status | undefined;
  /** Only what this kind of principal is entitled to answer. */
  for?: "person" | "agent" | undefined;
  cursor?: string | undefined;
  limit?: number | undefined;
}

export interface QuestionPage {
  questions: QuestionView[];
  /** Of all pages. */
  total: number;
  nextCursor: string | null;
}

export interface AnswerRequest {
  questionId: string;
  text: string;
  citations?: { path: string; heading?: string | undefined }[] | undefined;
  principal: Principal;
  idempotencyKey?: string | undefined;
}

export interface JudgeRequest {
  questionId: string;
  verdict: Verdict;
  /** The right answer, where the verdict is not `useful`. */
  correction?: string | undefined;
  principal: Principal;
}

/** A question as the feedback loop replays it. */
export interface RecordedQuestion {
  questionId: string;
  text: string;
  kind: string;
  /** Given by a person or an agent, or judged useful. */
  accepted: { text: string; citations: { path: string; heading: string }[] } | null;
  /** Nothing is accepted, and its answer was judged wrong or it expired: what documents answer to it counts as wrong. */
  shouldDecline: boolean;
  judged: Verdict | null;
  split: "train" | "validation";
  askedAt: number;
}

export interface ReplayEnvironment {
  /** Dotted keys of the questions section: `documents.minScore`. */
  options: Record<string, unknown>;
  /** Path -> content instead of what is there, null for "not there". */
  documents?: Record<string, string | null>;
}

export interface ReplayOutcome {
  questionId: string;
  status: "answered" | "declined";
  route: string | null;
  text: string;
  citations: { path: string; heading: string }[];
  /** Whether answering, or declining where that was the right thing, was right. Null: nothing to compare with. */
  right: boolean | null;
  ms: number;
}

/** Address of a question as an MCP resource. */
export function questionResource(questionId: string): string {
  return `specloop://questions/${questionId}`;
}
