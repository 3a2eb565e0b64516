import type { MergeRow } from "./tools.ts";

/** A merge as text for an agent. */
export function renderMerge({ changeId, message, commit, dryRun, blocks, diff }: MergeRow): string {
  return [
    `${dryRun ? "Dry run for" : "Merge of"} ${changeId}: ${message}${commit === null ? "" : ` Commit ${commit.slice(0, 10)}.`}`,
    ...blocks.map(
      ({ outcome, capability, requirement, path, line }) =>
        `- ${outcome} ${capability}: ${requirement} (${path}:${line})`,
    ),
    ...blocks.flatMap(({ requirement, conflicts }) => conflicts.map((conflict) => conflictText(requirement, conflict))),
    ...(diff === "" ? [] : ["```diff", diff, "```"]),
  ].join("\n");
}

function conflictText(requirement: string, conflict: MergeRow["blocks"][number]["conflicts"][number]): string {
  const place = conflict.scenario === null ? requirement : `${requirement}, scenario ${conflict.scenario}`;
  return [
    `## Conflict in ${place}`,
    ...(["base", "theirs", "ours"] as const).map((side) => `### ${NAMES[side]}\n${conflict[side] ?? ABSENT[side]}`),
  ].join("\n");
}

const NAMES = {
  base: "Base (what the delta was written against)",
  theirs: "Theirs (the spec now)",
  ours: "Ours (the delta)",
};
const ABSENT = { base: "(unknown, or not there)", theirs: "(not there)", ours: "(not there)" };
