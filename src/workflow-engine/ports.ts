import type { Principal } from "../foundation/principal.ts";
import type { Spending } from "./node-type.ts";

/** Agents who take work; the question router's registry fills it. */
export interface AgentDesk {
  /** Resolves with the answer. Rejects `no_agent` and `agent_silent`. The same key is the same work, also after a restart. */
  request(
    work: {
      capabilities: string[];
      text: string;
      schema?: Record<string, unknown>;
      key: string;
      /** Epoch milliseconds. */
      deadline: number;
    },
    signal: AbortSignal,
  ): Promise<{ text: string; by: string }>;
}

/** The approved tools of downstream MCP servers, and our own by their plain names. */
export interface ToolDesk {
  call(call: {
    id: string;
    input: Record<string, unknown>;
    principal: Principal;
    /** The same call again after a crash has the same key; our own tools then give the first result. */
    key: string;
    timeoutMs?: number;
    signal: AbortSignal;
  }): Promise<{ text: string; structured: Record<string, unknown> | null }>;
}

/** The question router as a node sees it. */
export interface QuestionDesk {
  ask(
    request: {
      text: string;
      kind?: "fact" | "how_to" | "decision" | "authority" | "status" | undefined;
      context?: { change?: string | undefined } | undefined;
      waitMs?: number | undefined;
      idempotencyKey?: string | undefined;
    },
    principal: Principal,
    signal: AbortSignal,
  ): Promise<
    | { status: "answered"; questionId: string; answer: AnswerSeen }
    | { status: "pending"; questionId: string }
    | { status: "expired"; questionId: string }
  >;
  get(questionId: string): Promise<{ status: string; answer: AnswerSeen | null; expiresAt: number }>;
}

export interface AnswerSeen {
  text: string;
  by: string;
  confidence: number;
  citations: { path: string; heading: string; startLine: number; endLine: number; revision: string }[];
}

/** Edits of documents under git, with their policy and approvals. */
export interface DocumentDesk {
  update(request: {
    files: { path: string; edits: unknown[]; baseRevision?: string }[];
    reason: string;
    principal: Principal;
    idempotencyKey?: string;
  }): Promise<{
    status: string;
    commit: string | null;
    branch: string | null;
    approval?: string | undefined;
    files: { path: string; revision: string }[];
    message: string;
  }>;
}

/** What a model's tokens cost. */
export interface Prices {
  /** Null where no price is known: unknown, never 0. */
  usd(used: { backend: string; model: string; tokensIn: number; tokensOut: number }): number | null;
}

/** A call of a model as something that was spent. */
export function spendingOf(
  prices: Prices,
  used: { backend: string; model: string; tokensIn: number; tokensOut: number },
): Spending {
  const { model, tokensIn, tokensOut } = used;
  return { model, tokensIn, tokensOut, usd: prices.usd(used) };
}
