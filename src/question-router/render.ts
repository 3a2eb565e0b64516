import type { Answer, Citation, Hop, Kind, Status } from "./types.ts";

type ShownAnswer = Pick<Answer, "id" | "text" | "by" | "confidence"> & { route: string; citations: Citation[] };

interface ShownQuestion {
  questionId: string;
  text: string;
  kind: Kind;
  change: string | null;
  status: Status;
  askedBy: string;
  askedAt: number;
  expiresAt: number;
}

type ShownHop = Omit<Hop, "outcome"> & { outcome: string };

/** What an agent or a person reads of an ask: the same facts as the structured result. */
export function renderAsked(asked: {
  status: Status;
  questionId: string;
  answer: ShownAnswer | null;
  resource: string | null;
  hops: ShownHop[];
}): string {
  const { status, questionId, answer, resource, hops } = asked;
  if (answer) return `${answerText(answer)}\n\n(${questionId})`;
  if (status === "expired") return `The question ${questionId} expired without an answer. Ask it again.`;
  const tried = hops.map(hopLine).join("\n");
  return `Pending as ${questionId}. Go on with other work; read it later with question_get or subscribe to ${resource}.\n\nTried:\n${tried}`;
}

export function renderView(
  view: ShownQuestion & { answer: ShownAnswer | null; verdict: string | null; hops: ShownHop[] },
): string {
  const head = `${questionLine(view)}\nasked ${time(view.askedAt)} by ${view.askedBy}`;
  const open = view.status === "pending" ? `expires ${time(view.expiresAt)}` : "no answer";
  const body = view.answer ? answerText(view.answer) : open;
  const verdict = view.verdict === null ? [] : [`judged ${view.verdict}`];
  return [head, body, ...verdict, ...view.hops.map(hopLine)].join("\n\n");
}

export function renderPage(page: {
  questions: (ShownQuestion & { answer: string | null })[];
  total: number;
  nextCursor: string | null;
}): string {
  const rows = page.questions.map(
    (view) => `- ${questionLine(view)}${view.answer === null ? "" : `\n  ${firstLine(view.answer)}`}`,
  );
  const more = page.nextCursor === null ? "" : `\nMore: cursor ${page.nextCursor}`;
  return `${page.total} questions\n${rows.join("\n")}${more}`.trimEnd();
}

export function renderAnswered({ questionId, answer }: { questionId: string; answer: ShownAnswer }): string {
  return `${questionId} is answered.\n\n${answerText(answer)}`;
}

export function renderJudged({ answerId, corrected }: { answerId: string; corrected: ShownAnswer | null }): string {
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

function questionLine({ questionId, status, kind, change, text }: ShownQuestion): string {
  return `${questionId} [${status}, ${kind}${change === null ? "" : `, ${change}`}] ${firstLine(text)}`;
}

function hopLine({ responder, outcome, ms, reason }: ShownHop): string {
  return `- ${responder} ${outcome} in ${ms.toFixed(1)} ms: ${reason}`;
}

function firstLine(text: string): string {
  const [line = ""] = text.split("\n");
  return line.length > 200 ? `${line.slice(0, 199)}…` : line;
}

function time(at: number): string {
  return new Date(at).toISOString();
}
