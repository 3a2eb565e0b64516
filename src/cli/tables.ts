import { z } from "zod";
import type { Output } from "./output.ts";

/** A finding as the list and the view of a change show it. */
export const findingRow = z.object({
  severity: z.string(),
  code: z.string(),
  message: z.string(),
  target: z.string().optional(),
  fix: z.string().optional(),
});

const changeList = z.object({
  total: z.number(),
  changes: z.array(
    z.object({
      id: z.string(),
      root: z.string(),
      stage: z.string(),
      tasks: z.object({ done: z.number(), total: z.number() }),
      findings: z.object({ errors: z.number(), warnings: z.number() }),
      openQuestions: z.number(),
      valid: z.boolean().nullable(),
      mergeability: z.string(),
      git: z.string(),
    }),
  ),
  findings: z.array(findingRow),
});

/** The changes as a person reads them in a terminal. */
export function changeTable(result: unknown, output: Output): string {
  const { changes, total, findings: ofRoots } = changeList.parse(result);
  const problems = ofRoots.map((one) => `\n\n${problemOf(one, output)}`).join("");
  if (changes.length === 0) return `No changes.${problems}`;
  const rows = changes.map((change) => {
    const { errors, warnings } = change.findings;
    const findings = [
      errors > 0 ? output.style("red", counted(errors, "error")) : "",
      warnings > 0 ? output.style("yellow", counted(warnings, "warning")) : "",
    ];
    // What is over is neither judged nor merged any more.
    const isOver = change.stage === "archived" || change.stage === "abandoned";
    const verdict =
      change.valid === null ? "?" : change.valid ? output.style("green", "valid") : output.style("red", "invalid");
    const merge =
      change.mergeability === "clean" ? "clean" : output.style("yellow", change.mergeability.replace("_", " "));
    const { done, total: all } = change.tasks;
    const questions = change.openQuestions > 0 ? String(change.openQuestions) : "";
    return [
      // The same change may be under way in several worktrees.
      change.root === "openspec" ? change.id : `${change.id} ${output.style("dim", `(${change.root})`)}`,
      change.stage,
      `${done}/${all}`,
      isOver ? "" : verdict,
      isOver ? "" : merge,
      questions,
      change.git,
      findings.filter(Boolean).join(", "),
    ];
  });
  const more = total > changes.length ? `\n${changes.length} of ${total}; --limit shows more.` : "";
  return (
    output.table(["CHANGE", "STAGE", "TASKS", "OPENSPEC", "MERGE", "QUESTIONS", "GIT", "FINDINGS"], rows) +
    more +
    problems
  );
}

/** Something that is wrong with a planning folder itself. */
function problemOf(finding: z.output<typeof changeList>["findings"][number], output: Output): string {
  const { severity, code, message, target, fix } = finding;
  const color = severity === "error" ? "red" : "yellow";
  const details = [target, fix].flatMap((line) => (line === undefined ? [] : [`\n  ${output.style("dim", line)}`]));
  return `${output.style(color, severity)} ${code}: ${message}${details.join("")}`;
}

function counted(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}

const questionList = z.object({
  total: z.number(),
  questions: z.array(
    z.object({
      questionId: z.string(),
      status: z.string(),
      text: z.string(),
      askedBy: z.string(),
      askedAt: z.number(),
    }),
  ),
});

/** The questions as a person reads them in a terminal. */
export function questionTable(result: unknown, output: Output): string {
  const { questions, total } = questionList.parse(result);
  if (questions.length === 0) return "No questions.";
  const colors = { pending: "yellow", answered: "green", expired: "dim" } as const;
  const rows = questions.map(({ questionId, status, text, askedBy, askedAt }) => [
    questionId,
    output.style(colors[status as keyof typeof colors] ?? "dim", status),
    new Date(askedAt).toISOString().slice(0, 16).replace("T", " "),
    askedBy,
    text.replaceAll(/\s+/g, " ").slice(0, 80),
  ]);
  const more = total > questions.length ? `\n${questions.length} of ${total}; --limit shows more.` : "";
  return output.table(["QUESTION", "STATUS", "ASKED (UTC)", "BY", "TEXT"], rows) + more;
}
