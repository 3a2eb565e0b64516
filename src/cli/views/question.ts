import { z } from "zod";
import type { Output } from "../output.ts";
import { typed, type Reader } from "../wording.ts";

const answer = z.object({
  text: z.string(),
  route: z.string().optional(),
  by: z.string(),
  citations: z.array(z.object({ path: z.string(), heading: z.string(), startLine: z.number(), endLine: z.number() })),
});
const cost = z.object({ tokensIn: z.number(), tokensOut: z.number(), usd: z.number().nullable() });
const hop = z.object({
  responder: z.string(),
  outcome: z.string(),
  at: z.number().optional(),
  ms: z.number(),
  reason: z.string(),
  cost: cost.optional(),
});
const asked = z.object({
  agent: z.string(),
  state: z.string(),
  offeredAt: z.number(),
  reason: z.string().nullable(),
  text: z.string().nullable(),
  why: z.string(),
});
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
  agents: z.array(asked).optional(),
  before: z.array(z.string()).default([]),
});
const result = z.object({
  status: z.string(),
  questionId: z.string(),
  answer: answer.optional(),
  hops: z.array(hop).optional(),
});

/** What came of asking. */
export function askedView(given: unknown, output: Output, reader: Reader): string {
  const { status, questionId, answer: answered, hops = [] } = result.parse(given);
  if (answered) return `${answerText(answered, output)}\n${output.style("dim", questionId)}`;
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
    ...shown.before.map((earlier) => output.style("dim", `  after "${earlier.replaceAll(/\s+/g, " ")}"`)),
    `  ${text.replaceAll("\n", "\n  ")}`,
    `  asked ${time(askedAt)} by ${askedBy} (${kind}${about})`,
    "",
    ...(shown.answer ? [answerText(shown.answer, output)] : []),
    ...(verdict === null ? [] : [`judged ${verdict}`]),
    ...(status === "pending"
      ? [`waits until ${time(expiresAt)}; answer it: ${typed(`specloop answer ${questionId} "…"`, reader)}`]
      : []),
    ...hopTable(shown.hops, output),
    ...agentTable(shown.agents ?? [], output),
  ].join("\n");
}

function answerText({ text, route, by, citations }: z.output<typeof answer>, output: Output): string {
  const before = route === "similar" ? `a similar question was answered by ${by}` : `answered by ${by}`;
  const origin = route === "cache" ? `answered before by ${by}` : before;
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
  const rows = hops.map(({ at, responder, outcome, ms, cost: used, reason }) => [
    at === undefined ? "" : clockTime(at),
    responder,
    output.style(OUTCOMES[outcome] ?? "dim", outcome),
    ms < 10_000 ? `${ms.toFixed(1)} ms` : `${(ms / 1000).toFixed(1)} s`,
    costText(used),
    reason,
  ]);
  // Columns that say nothing for any row only take room.
  const heads = ["BEGAN", "TRIED", "OUTCOME", "TIME", "COST", "WHY"];
  const filled = heads.map((_, column) => rows.some((row) => row[column] !== ""));
  const shown = (row: string[]) => row.filter((_, column) => filled[column]);
  return ["", output.table(shown(heads), rows.map(shown))];
}

const OUTCOMES: Record<string, "green" | "red" | "yellow"> = { answered: "green", failed: "red", skipped: "yellow" };

function agentTable(agents: z.output<typeof asked>[], output: Output): string[] {
  if (agents.length === 0) return [];
  const rows = agents.map(({ agent, state, offeredAt, reason, text, why }) => [
    clockTime(offeredAt),
    agent,
    output.style(state === "answered" ? "green" : "dim", state),
    text === null ? (reason ?? "") : `said "${text.replaceAll(/\s+/g, " ").slice(0, 80)}"`,
    why,
  ]);
  return ["", output.table(["OFFERED", "AGENT", "CAME OF IT", "WHY", "CHOSEN BY"], rows)];
}

function costText(used: z.output<typeof cost> | undefined): string {
  if (!used) return "";
  const tokens = `${used.tokensIn + used.tokensOut} tokens`;
  return used.usd === null ? tokens : `${tokens}, ${used.usd.toFixed(4)} USD`;
}

/** To the millisecond: rungs follow each other fast. */
function clockTime(at: number): string {
  return new Date(at).toISOString().slice(11, 23);
}

/** Minutes are enough for people, and the zone is said. */
export function time(at: number): string {
  return `${new Date(at).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}
