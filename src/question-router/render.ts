import type { AskedAgent, Received } from "./agents/index.ts";
import type { Answer, AskResult, Hop, QuestionView, Route } from "./types.ts";

type ShownAnswer = Omit<Answer, "route"> & { route: Route };

export type ShownView = Omit<QuestionView, "answer"> & {
  answer?: Answer;
  hops: Hop[];
  agents?: AskedAgent[];
  before?: string[];
};
export interface ShownPage {
  questions: (Omit<QuestionView, "answer"> & { answer: string | null })[];
  total: number;
  nextCursor?: string;
}
export interface ShownSubmission {
  questionId: string;
  answer: Answer;
  written?: { path: string; status: string; message: string };
}
export interface ShownJudgement {
  answerId: string;
  corrected: Answer | null;
}

/** What an agent or a person reads of an ask: the same facts as the structured result. */
export function renderAsked(asked: AskResult): string {
  if (asked.status === "answered") return `${answerText(asked.answer)}\n\n(${asked.questionId})`;
  if (asked.status === "expired") return `The question ${asked.questionId} expired without an answer. Ask it again.`;
  const { questionId, resource, hops } = asked;
  const tried = hops.map(hopLine).join("\n");
  return `Pending as ${questionId}. Go on with other work; read it later with question_get or subscribe to ${resource}.\n\nTried:\n${tried}`;
}

export function renderView(view: ShownView): string {
  const said = view.before?.length ? `\nasked before it: ${view.before.join(" / ")}` : "";
  const head = `${questionLine(view)}${said}\nasked ${time(view.askedAt)} by ${view.askedBy}`;
  const none = view.kind === "authority" ? "no answer: nobody allowed it" : "no answer";
  const open = view.status === "pending" ? `expires ${time(view.expiresAt)}` : none;
  const body = view.answer ? answerText(view.answer) : open;
  const verdict = view.verdict === null ? [] : [`judged ${view.verdict}`];
  const route = view.hops.length > 0 ? [`How it went:\n${view.hops.map(hopLine).join("\n")}`] : [];
  const asked = view.agents?.length ? [`Agents that were asked:\n${view.agents.map(agentLine).join("\n")}`] : [];
  return [head, body, ...verdict, ...route, ...asked].join("\n\n");
}

export function renderPage({ questions, total, nextCursor }: ShownPage): string {
  const rows = questions.map(
    (view) => `- ${questionLine(view)}${view.answer === null ? "" : `\n  ${firstLine(view.answer)}`}`,
  );
  const more = nextCursor === undefined ? "" : `\nMore: cursor ${nextCursor}`;
  return `${total} questions\n${rows.join("\n")}${more}`.trimEnd();
}

export function renderAnswered({ questionId, answer, written }: ShownSubmission): string {
  const where = written ? `\n\n${written.path}: ${written.status}. ${written.message}` : "";
  return `${questionId} is answered.\n\n${answerText(answer)}${where}`;
}

/** What an agent reads after it gave its voice or handed in work. */
export function renderReceived(received: Received): string {
  if (received.outcome === "done") return `${received.questionId} is done.`;
  const { questionId, voices, quorum, outcome, answer } = received;
  if (outcome === "agreed")
    return `${questionId} is answered: more than half agree.\n\n${answer ? answerText(answer) : ""}`;
  const next = outcome === "split" ? "they do not agree, so a person decides" : "others are still asked";
  return `Your voice on ${questionId} is kept: ${voices} of ${quorum} have spoken; ${next}.`;
}

export function renderJudged({ answerId, corrected }: ShownJudgement): string {
  return corrected ? `Recorded for ${answerId}. From now on:\n\n${answerText(corrected)}` : `Recorded for ${answerId}.`;
}

const origins: Partial<Record<Route, (by: string) => string>> = {
  cache: (by) => `answered before by ${by}`,
  similar: (by) => `a similar question was answered by ${by}`,
};

function answerText({ text, route, by, confidence, citations }: ShownAnswer): string {
  const sources = citations.map(
    ({ path, heading, startLine, endLine }) =>
      `- ${path}:${startLine}-${endLine}${heading === "" ? "" : ` (${heading})`}`,
  );
  const origin = `— ${origins[route]?.(by) ?? by}, confidence ${confidence.toFixed(2)}`;
  return [text, origin, sources.join("\n")].filter((part) => part !== "").join("\n\n");
}

function questionLine({ questionId, status, kind, change, text }: Omit<QuestionView, "answer">): string {
  return `${questionId} [${status}, ${kind}${change === null ? "" : `, ${change}`}] ${firstLine(text)}`;
}

function hopLine({ responder, outcome, ms, reason, cost }: Hop): string {
  return `- ${responder} ${outcome} in ${ms.toFixed(1)} ms${costText(cost)}: ${reason}`;
}

function costText(cost: Hop["cost"]): string {
  if (!cost) return "";
  const money = cost.usd === null ? "" : `, ${cost.usd.toFixed(4)} USD`;
  return ` for ${cost.tokensIn + cost.tokensOut} tokens${money}`;
}

function agentLine({ agent, state, reason, text, why }: AskedAgent): string {
  const said = text === null ? "" : `, said "${firstLine(text)}"`;
  return `- ${agent} ${state}${reason === null ? "" : ` (${reason})`}${said}; chosen by ${why}`;
}

function firstLine(text: string): string {
  const [line = ""] = text.split("\n");
  return line.length > 200 ? `${line.slice(0, 199)}…` : line;
}

function time(at: number): string {
  return new Date(at).toISOString();
}
