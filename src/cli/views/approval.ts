import { z } from "zod";
import type { Output } from "../output.ts";
import { typed, type Reader } from "../wording.ts";
import { diffView } from "./diff.ts";
import { time } from "./question.ts";

const selection = z.object({ path: z.string(), startLine: z.number(), endLine: z.number() });
const decision = z.object({
  decision: z.string(),
  by: z.string(),
  at: z.number(),
  level: z.string(),
  method: z.string(),
  comment: z.string().nullable(),
  selection: selection.nullable(),
});
export const approvalShape = z.object({
  id: z.string(),
  state: z.string(),
  title: z.string(),
  reason: z.string(),
  subject: z.object({
    operation: z.string(),
    branch: z.string(),
    commit: z.string(),
    base: z.string(),
    paths: z.array(z.string()),
    contentHash: z.string(),
  }),
  proposer: z.object({ kind: z.string(), name: z.string() }),
  level: z.string(),
  count: z.number(),
  approvers: z.array(z.string()),
  escalated: z.boolean(),
  decisions: z.array(decision),
  expiresAt: z.number(),
  note: z.string().nullable(),
  supersededBy: z.string().nullable(),
  bypassed: z.boolean(),
});
type Shown = z.output<typeof approvalShape>;

const COLORS = { open: "yellow", changes_requested: "yellow", approved: "green", carried_out: "green" } as const;
const LEVELS = {
  L0: "L0: a merge or a word here; every program with a shell can do that in your name",
  L1: "L1: a one-time code, or a signature by a key in your list of allowed signers",
  L2: "L2: the content is on the protected branch",
} as const;
/** Letters that nobody sees or that turn the order of others: what reads as harmless may be something else. */
const INVISIBLE = /\p{Default_Ignorable_Code_Point}|\p{Bidi_Control}/gu;

/** What waits and what became of it. */
export function approvalTable(result: unknown, output: Output): string {
  const { approvals } = z.object({ approvals: z.array(approvalShape) }).parse(result);
  if (approvals.length === 0) return "Nothing waits for an approval.";
  const rows = approvals.map((each) => [
    each.id,
    stateOf(each, output),
    each.count > 1 ? `${each.level} x${each.count}` : each.level,
    `${each.proposer.kind}:${each.proposer.name}`,
    each.title,
  ]);
  return output.table(["APPROVAL", "STATE", "NEEDS", "BY", "WHAT"], rows);
}

/** One request: what it is bound to, who may say yes, what was said. */
export function approvalView(given: unknown, output: Output, reader: Reader): string {
  const shown = approvalShape.parse(given);
  const { id, title, reason, subject, proposer, level, count, approvers, expiresAt, note } = shown;
  const who = approvers.length === 0 ? "everybody who can prove it" : approvers.join(", ");
  const many = count > 1 ? `, ${count} people` : "";
  const branch = subject.branch === "" ? "" : ` on ${subject.branch}`;
  return [
    `${output.style("bold", id)} ${stateOf(shown, output)}`,
    `  ${title}`,
    ...(reason === "" || title.startsWith(reason) ? [] : [`  ${reason.replaceAll("\n", "\n  ")}`]),
    `  asked by  ${proposer.kind} ${proposer.name}`,
    `  needs     ${LEVELS[level as keyof typeof LEVELS] ?? level}${many}`,
    `  by        ${who}${shown.escalated ? " (escalated)" : ""}`,
    `  bound to  commit ${subject.commit.slice(0, 10)}${branch}, content ${subject.contentHash.slice(0, 16)}`,
    `  paths     ${subject.paths.join(", ")}`,
    ...(isOpen(shown) ? [`  until     ${time(expiresAt)}`] : []),
    ...(note === null ? [] : [`  note      ${note}`]),
    ...(shown.supersededBy === null ? [] : [`  revised   by ${shown.supersededBy}`]),
    ...shown.decisions.map((word) => `  ${said(word)}`),
    ...(isOpen(shown) ? ["", ...ways(shown, reader)] : []),
  ].join("\n");
}

/** The diff as it is, with nothing hidden in it. */
export function openDiff(diff: string, output: Output): string {
  const lines = diff.split("\n").map((line) => {
    const seen = line.replaceAll(INVISIBLE, (letter) => `<U+${letter.codePointAt(0)!.toString(16).toUpperCase()}>`);
    return seen === line ? seen : `${seen}  <- invisible letters`;
  });
  return diffView(lines.join("\n"), output);
}

export function isOpen({ state, bypassed }: Pick<Shown, "state" | "bypassed">): boolean {
  return state === "open" || state === "changes_requested" || bypassed;
}

function ways({ id, level }: Shown, reader: Reader): string[] {
  const approve = typed(`specloop approve ${id}`, reader);
  const proofs = { L0: [""], L1: [" --code", " --sign"], L2: [" --protected"] }[level] ?? [""];
  return [
    ...proofs.map((proof) => `  approve   ${approve}${proof}`),
    `  reject    ${typed(`specloop reject ${id} --reason "…"`, reader)}`,
  ];
}

function stateOf({ state, bypassed }: Shown, output: Output): string {
  const word = output.style(COLORS[state as keyof typeof COLORS] ?? "dim", state.replaceAll("_", " "));
  return bypassed ? `${word} ${output.style("red", "WITHOUT APPROVAL")}` : word;
}

function said({ decision: what, by, at, level, method, comment, selection: place }: z.output<typeof decision>): string {
  const where = place === null ? "" : ` ${place.path}:${place.startLine}-${place.endLine}`;
  const how = what === "approve" ? ` (${method}, ${level})` : "";
  return `${time(at)} ${by}: ${what.replaceAll("_", " ")}${how}${where}${comment === null ? "" : ` "${comment}"`}`;
}
