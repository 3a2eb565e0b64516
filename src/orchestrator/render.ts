import type { Diagnostic } from "../foundation/errors.ts";
import type { ChangePage } from "./listing.ts";
import { overlapLine } from "./overlap-line.ts";
import type { ChangeDetail, VerdictRow } from "./tools.ts";

export function renderList({ changes, cursor, total, findings }: ChangePage): string {
  const problems = section(
    "Findings of the planning folder",
    findings.map((one) => problem(one)),
  );
  if (total === 0) return ["No changes.", ...problems].join("\n");
  const lines = changes.map((change) => {
    const facts = [`${change.tasks.done}/${change.tasks.total} tasks`, validity(change.valid)];
    if (change.findings.errors > 0) facts.push(`${change.findings.errors} errors`);
    if (change.findings.warnings > 0) facts.push(`${change.findings.warnings} warnings`);
    if (change.openQuestions > 0) facts.push(`${change.openQuestions} open questions`);
    if (change.mergeability !== "clean") facts.push(change.mergeability.replace("_", " "));
    if (change.git !== "committed") facts.push(change.git === "branch" ? "proposed on a branch" : change.git);
    const place = change.root === "openspec" ? "" : ` (${change.root})`;
    const title = change.title === null ? "" : `: ${change.title}`;
    return `- **${change.id}**${place} ${change.stage}${title} (${facts.join(", ")})`;
  });
  const more = cursor === null ? [] : [`More: call again with cursor ${cursor}`];
  return [`${changes.length} of ${total} changes`, ...lines, ...more, ...problems].join("\n");
}

export function renderChange(change: ChangeDetail): string {
  const { done, total } = change.tasks;
  const place = change.branch === null ? change.git : `branch ${change.branch}`;
  const deltas = change.deltas.map(({ operation, capability, requirement, to }) => {
    return `- ${operation} ${capability}: ${requirement}${to === undefined ? "" : ` -> ${to}`}`;
  });
  return [
    `# ${change.id}${change.title === null ? "" : `: ${change.title}`}`,
    `${change.stage}, ${done}/${total} tasks, ${place}, ${change.path}, ${change.mergeability.replace("_", " ")}`,
    ...section(
      "Artifacts",
      change.artifacts.map(({ id, status, paths }) => `- ${[id, status, ...paths].join(" ")}`),
    ),
    ...section("Deltas", deltas),
    ...section("Findings", change.findings.map(finding)),
    ...section(
      "Resolved",
      change.resolved.map(({ code, message }) => `- ${code}: ${message}`),
    ),
    ...section(
      "Questions",
      change.questions.map(({ path, line, text, answered }) => `- [${answered ? "x" : " "}] ${text} (${path}:${line})`),
    ),
    ...section(
      "Overlaps",
      change.overlaps.map((overlap) => `- ${overlapLine(overlap)}`),
    ),
    change.verdict === null ? noVerdict(change.verdictProblem) : verdictLines(change.verdict, change.verdictCurrent),
  ].join("\n");
}

function noVerdict(why: Diagnostic | null): string {
  return why === null ? "No verdict of OpenSpec yet." : `No verdict of OpenSpec: ${[why.message, why.fix].join(" ")}`;
}

export function renderVerdict(verdict: VerdictRow): string {
  return verdictLines(verdict, true);
}

function verdictLines({ valid, version, source, issues, ms, note }: VerdictRow, current: boolean): string {
  const head = `OpenSpec ${version} (${source}, ${ms} ms): ${validity(valid)}${current ? "" : ", for an earlier text; a new verdict is on its way"}`;
  return [
    head,
    ...(note === undefined ? [] : [note]),
    ...issues.map(
      ({ level, path, message, line }) => `- ${level} ${path}${line === undefined ? "" : `:${line}`}: ${message}`,
    ),
  ].join("\n");
}

function finding({ status, ...diagnostic }: ChangeDetail["findings"][number]): string {
  return problem(diagnostic, status === "new" ? "new " : "");
}

function problem({ severity, code, message, target, fix }: Diagnostic, age = ""): string {
  const where = target === undefined ? "" : ` (${target})`;
  return `- ${age}${severity} ${code}: ${message}${where}${fix === undefined ? "" : ` ${fix}`}`;
}

function section(title: string, lines: string[]): string[] {
  return lines.length > 0 ? [`## ${title}`, ...lines] : [];
}

function validity(valid: boolean | null): string {
  if (valid === null) return "unchecked";
  return valid ? "valid" : "invalid";
}
