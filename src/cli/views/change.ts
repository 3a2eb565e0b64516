import { z } from "zod";
import { overlapLine } from "../../orchestrator/overlap-line.ts";
import type { Output } from "../output.ts";
import { findingRow } from "../tables.ts";
import { forPeople, type Reader } from "../wording.ts";

const change = z.object({
  id: z.string(),
  path: z.string(),
  stage: z.string(),
  title: z.string().nullable(),
  git: z.string(),
  branch: z.string().nullable(),
  tasks: z.object({ done: z.number(), total: z.number() }),
  artifacts: z.array(z.object({ id: z.string(), status: z.string(), paths: z.array(z.string()) })),
  deltas: z.array(
    z.object({
      operation: z.string(),
      capability: z.string(),
      requirement: z.string(),
      to: z.string().optional(),
    }),
  ),
  findings: z.array(findingRow.extend({ status: z.string() })),
  resolved: z.array(z.object({ code: z.string(), message: z.string() })),
  questions: z.array(z.object({ path: z.string(), line: z.number(), text: z.string(), answered: z.boolean() })),
  mergeability: z.string(),
  overlaps: z.array(
    z.object({
      change: z.string(),
      capability: z.string(),
      requirement: z.string(),
      outcome: z.object({ state: z.enum(["same", "merges", "conflicts"]), in: z.array(z.string()) }).optional(),
    }),
  ),
  verdict: z
    .object({
      valid: z.boolean(),
      version: z.string(),
      note: z.string().optional(),
      issues: z.array(z.object({ level: z.string(), path: z.string(), message: z.string() })),
    })
    .nullable(),
  verdictCurrent: z.boolean(),
  verdictProblem: z.object({ message: z.string(), fix: z.string().optional() }).nullable(),
});
type Change = z.output<typeof change>;

const COLORS = { error: "red", warning: "yellow", info: "dim", done: "green" } as const;

/** One change as a person reads it in a terminal. */
export function changeView(result: unknown, output: Output, reader: Reader): string {
  const shown = change.parse(result);
  const title = shown.title === null ? "" : ` ${output.style("dim", shown.title)}`;
  return [
    `${output.style("bold", shown.id)}${title}`,
    ...facts(shown, output),
    ...section(output, "Artifacts", artifacts(shown, output)),
    ...section(output, "Deltas", deltas(shown, output)),
    ...section(output, "Findings", findings(shown, output, reader)),
    ...section(
      output,
      "Resolved by the last edit",
      shown.resolved.map(({ code, message }) => `${output.style("green", code)}: ${message}`),
    ),
    ...section(output, "Questions", questions(shown)),
    ...section(
      output,
      "Overlaps",
      shown.overlaps.map((overlap) => forPeople(overlapLine(overlap), reader)),
    ),
  ].join("\n");
}

function facts({ stage, tasks, path, git, branch, mergeability, verdict, ...rest }: Change, output: Output) {
  const merge = mergeability.replace("_", " ");
  const always = [
    `  stage     ${stage}, ${tasks.done} of ${tasks.total} tasks done`,
    `  place     ${path} (${branch === null ? git : `branch ${branch}`})`,
  ];
  // What is over is neither judged nor merged any more.
  if (stage === "archived" || stage === "abandoned") return always;
  return [
    ...always,
    `  merge     ${merge === "clean" ? merge : output.style("yellow", merge)}`,
    `  openspec  ${verdict === null ? noVerdict(rest.verdictProblem, output) : verdictLine(verdict, rest.verdictCurrent, output)}`,
  ];
}

function noVerdict(why: Change["verdictProblem"], output: Output): string {
  if (why === null) return "not checked yet";
  return `no verdict: ${why.message}${why.fix === undefined ? "" : `\n            ${output.style("dim", why.fix)}`}`;
}

function verdictLine(verdict: NonNullable<Change["verdict"]>, current: boolean, output: Output): string {
  const word = verdict.valid ? output.style("green", "valid") : output.style("red", "invalid");
  const later = current ? "" : ", for an earlier text; a new verdict is on its way";
  const issues = verdict.issues.map((issue) => `\n            ${issue.level} ${issue.path}: ${issue.message}`);
  const note = verdict.note === undefined ? "" : `\n            ${output.style("dim", verdict.note)}`;
  return `${word}, says OpenSpec ${verdict.version}${later}${note}${issues.join("")}`;
}

function artifacts(shown: Change, output: Output): string[] {
  const rows = shown.artifacts.map(({ id, status, paths }) => [
    id,
    status === "done" ? output.style(COLORS.done, status) : status,
    paths.map((path) => path.replace(`${shown.path}/`, "")).join(", "),
  ]);
  return rows.length === 0 ? [] : output.table(["", "", ""], rows).split("\n").slice(1);
}

function deltas(shown: Change, output: Output): string[] {
  const rows = shown.deltas.map(({ operation, capability, requirement, to }) => [
    operation,
    capability,
    to === undefined ? requirement : `${requirement} -> ${to}`,
  ]);
  return rows.length === 0 ? [] : output.table(["", "", ""], rows).split("\n").slice(1);
}

function findings(shown: Change, output: Output, reader: Reader): string[] {
  return shown.findings.flatMap(({ severity, code, message, target, fix, status }) => {
    const color = COLORS[severity as keyof typeof COLORS] ?? "dim";
    const details = [target, fix === undefined ? undefined : forPeople(fix, reader)].filter(
      (line) => line !== undefined,
    );
    return [
      `${output.style(color, severity)} ${code}: ${message}${status === "new" ? output.style("bold", " (new)") : ""}`,
      ...details.map((line) => `  ${output.style("dim", line)}`),
    ];
  });
}

function questions(shown: Change): string[] {
  return shown.questions.flatMap(({ path, line, text, answered }) => [
    `[${answered ? "x" : " "}] ${text}`,
    `    ${path}:${line}`,
  ]);
}

function section(output: Output, title: string, lines: string[]): string[] {
  return lines.length === 0 ? [] : ["", output.style("bold", title), ...lines.map((line) => `  ${line}`)];
}
