import { z } from "zod";
import type { Output } from "../output.ts";
import { typed, type Reader } from "../wording.ts";

const answer = z.object({
  text: z.string(),
  route: z.string().optional(),
  by: z.string(),
  citations: z.array(z.object({ path: z.string(), heading: z.string(), startLine: z.number(), endLine: z.number() })),
});
const hop = z.object({ responder: z.string(), outcome: z.string(), ms: z.number(), reason: z.string() });
const question = z.object({
  questionId: z.string(),
  status: z.string(),
  kind: z.string(),
  change: z.string().nullable(),
  text: z.string(),
  askedBy: z.string(),
  askedAt: z.number(),
  expiresAt: z.number(),
  verdict: z.string().nullable(),
  answer: answer.optional(),
  hops: z.array(hop),
});
const asked = z.object({
  status: z.string(),
  questionId: z.string(),
  answer: answer.optional(),
  hops: z.array(hop).optional(),
});

/** What came of asking. */
export function askedView(result: unknown, output: Output, reader: Reader): string {
  const { status, questionId, answer: given, hops = [] } = asked.parse(result);
  if (given) return `${answerText(given, output)}\n${output.style("dim", questionId)}`;
  if (status === "expired") return `Question ${questionId} expired without an answer. Ask it again.`;
  return [
    `Nobody can answer yet: it waits as ${output.style("bold", questionId)}.`,
    `  read it    ${typed(`specloop questions ${questionId}`, reader)}`,
    `  answer it  ${typed(`specloop answer ${questionId} "…"`, reader)}`,
    ...hopTable(hops, output),
  ].join("\n");
}

/** One question with its answer and the way it went. */
export function questionView(result: unknown, output: Output, reader: Reader): string {
  const shown = question.parse(result);
  const { questionId, status, kind, change, text, askedBy, askedAt, expiresAt, verdict } = shown;
  const about = change === null ? "" : `, about ${change}`;
  return [
    `${output.style("bold", questionId)} ${output.style(status === "answered" ? "green" : "yellow", status)}`,
    `  ${text.replaceAll("\n", "\n  ")}`,
    `  asked ${time(askedAt)} by ${askedBy} (${kind}${about})`,
    "",
    ...(shown.answer ? [answerText(shown.answer, output)] : []),
    ...(verdict === null ? [] : [`judged ${verdict}`]),
    ...(status === "pending"
      ? [`waits until ${time(expiresAt)}; answer it: ${typed(`specloop answer ${questionId} "…"`, reader)}`]
      : []),
    ...hopTable(shown.hops, output),
  ].join("\n");
}

function answerText({ text, route, by, citations }: z.output<typeof answer>, output: Output): string {
  const origin = route === "cache" ? `answered before by ${by}` : `answered by ${by}`;
  const sources = citations.map(
    ({ path, heading, startLine, endLine }) =>
      `  ${path}:${startLine}-${endLine}${heading === "" ? "" : ` (${heading})`}`,
  );
  return [text.trimEnd(), "", output.style("dim", origin), ...sources.map((line) => output.style("dim", line))].join(
    "\n",
  );
}

function hopTable(hops: z.output<typeof hop>[], output: Output): string[] {
  if (hops.length === 0) return [];
  const rows = hops.map(({ responder, outcome, ms, reason }) => [responder, outcome, `${ms.toFixed(1)} ms`, reason]);
  return ["", output.table(["TRIED", "OUTCOME", "TIME", "WHY"], rows)];
}

/** Minutes are enough for people, and the zone is said. */
export function time(at: number): string {
  return `${new Date(at).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}
