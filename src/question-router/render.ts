import type { Answer, AskResult, Hop, QuestionView, Route } from "./types.ts";

type ShownAnswer = Omit<Answer, "route"> & { route: Route };

export type ShownView = Omit<QuestionView, "answer"> & { answer?: Answer; hops: Hop[] };
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
  const head = `${questionLine(view)}\nasked ${time(view.askedAt)} by ${view.askedBy}`;
  const none = view.kind === "authority" ? "no answer: nobody allowed it" : "no answer";
  const open = view.status === "pending" ? `expires ${time(view.expiresAt)}` : none;
  const body = view.answer ? answerText(view.answer) : open;
  const verdict = view.verdict === null ? [] : [`judged ${view.verdict}`];
  return [head, body, ...verdict, ...view.hops.map(hopLine)].join("\n\n");
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

export function renderJudged({ answerId, corrected }: ShownJudgement): string {
  return corrected ? `Recorded for ${answerId}. From now on:\n\n${answerText(corrected)}` : `Recorded for ${answerId}.`;
}

function answerText({ text, route, by, confidence, citations }: ShownAnswer): string {
  const sources = citations.map(
    ({ path, heading, startLine, endLine }) =>
      `- ${path}:${startLine}-${endLine}${heading === "" ? "" : ` (${heading})`}`,
  );
  const origin = `— ${route === "cache" ? `answered before by ${by}` : by}, confidence ${confidence.toFixed(2)}`;
  return [text, origin, sources.join("\n")].filter((part) => part !== "").join("\n\n");
}

function questionLine({ questionId, status, kind, change, text }: Omit<QuestionView, "answer">): string {
  return `${questionId} [${status}, ${kind}${change === null ? "" : `, ${change}`}] ${firstLine(text)}`;
}

function hopLine({ responder, outcome, ms, reason }: Hop): string {
  return `- ${responder} ${outcome} in ${ms.toFixed(1)} ms: ${reason}`;
}

function firstLine(text: string): string {
  const [line = ""] = text.split("\n");
  return line.length > 200 ? `${line.slice(0, 199)}…` : line;
}

function time(at: number): string {
  return new Date(at).toISOString();
}
