import type { Experiment } from "./experiment.ts";
import type { PartFigures } from "./figures.ts";
import type { ExperimentRow, PairRow } from "./tables.ts";
import type { Verdict } from "./verdict.ts";

/** Rows shown; all of them are in the database. */
const MAX_ROWS = 200;

interface Facts {
  experiment: Experiment;
  verdict: Verdict;
  live: { before: PartFigures; after: PartFigures } | null;
  pairs: PairRow[];
}

/** `verdict.md`: what was decided, from which rows. Questions are named by id: their text stays unknown to proposers. */
export function renderVerdict(row: ExperimentRow, { experiment, verdict, live, pairs }: Facts): string {
  const sections = [
    `# Verdict: ${verdict.verdict}`,
    `${capital(verdict.reason)}.`,
    facts(row, experiment, verdict),
    "## Figures",
    figures(experiment, verdict),
    ...(verdict.verdict === "inconclusive" ? ["## What is missing", missing(row, experiment, verdict)] : []),
    "## Live samples before and after",
    liveSection(experiment, live),
    "## Pairs",
    pairTable(pairs),
  ];
  return `${sections.join("\n\n")}\n`;
}

function facts(row: ExperimentRow, experiment: Experiment, verdict: Verdict): string {
  return [
    `- Hypothesis: ${experiment.hypothesis}`,
    `- Approved by ${row.approved_by} (${row.approved_level}) with ${row.approved_commit}, tree ${row.approved_tree}`,
    `- Carried out by ${row.implement_commit ?? "nothing"}`,
    ...(row.revert_commit ? [`- Undone by ${row.revert_commit}`] : []),
    `- Look ${verdict.look}, ${new Date(verdict.at).toISOString()}`,
  ].join("\n");
}

function figures({ primary }: Experiment, verdict: Verdict): string {
  const rows = [
    [`${primary.name} (primary)`, verdict.before, verdict.after, `at least ${primary.minimumEffect} better`],
    ...verdict.guards.map((guard) => [
      guard.metric,
      guard.before,
      guard.after,
      `at most ${guard.limit} worse: ${guard.held ? "held" : "broken"}`,
    ]),
  ].map(([name, before, after, rule]) => `| ${name} | ${show(before)} | ${show(after)} | ${rule} |`);
  const test = `${verdict.pairs} pairs: ${verdict.gained} gained, ${verdict.lost} lost, effect ${show(verdict.effect)}; exact one-sided p ${show(verdict.p)}, needed at most ${show(verdict.threshold)} at this look.`;
  return `| metric | without | with | rule |\n|---|---|---|---|\n${rows.join("\n")}\n\n${test}`;
}

function missing(row: ExperimentRow, { horizonDays }: Experiment, { needsPairs, needsDays }: Verdict): string {
  const until = new Date((row.implemented_at ?? 0) + horizonDays * 86_400_000).toISOString().slice(0, 10);
  if (needsPairs === null) return `The pairs do not lean to the good side. Undecided on ${until}, it is reverted.`;
  const days = needsDays === null ? "" : `, at the present rate about ${needsDays} days`;
  return `It needs about ${needsPairs} more answered questions${days}. Undecided on ${until}, it is reverted.`;
}

function liveSection({ primary }: Experiment, live: Facts["live"]): string {
  const note = "For information: a comparison of before and after proves nothing, because other things changed too.";
  if (!live) return note;
  return `${note}\n\n| ${primary.name} | samples | mean | median |\n|---|---|---|---|\n${partLine("before", live.before)}\n${partLine("after", live.after)}`;
}

function partLine(name: string, { count, mean, median }: PartFigures): string {
  return `| ${name} | ${count} | ${show(mean)} | ${show(median)} |`;
}

function pairTable(pairs: PairRow[]): string {
  if (pairs.length === 0) return "No recorded question with an accepted answer could be replayed.";
  const lines = pairs
    .slice(0, MAX_ROWS)
    .map((pair) => `| ${pair.question_id} | ${pair.before_outcome} | ${pair.after_outcome} | ${pair.first} |`);
  const rest = pairs.length > MAX_ROWS ? `\n\n${pairs.length - MAX_ROWS} more are in the database.` : "";
  return `| question | without | with | asked first |\n|---|---|---|---|\n${lines.join("\n")}${rest}`;
}

function show(value: unknown): string {
  return typeof value === "number" ? String(Number(value.toPrecision(4))) : "-";
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
