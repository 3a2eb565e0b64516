import { z } from "zod";
import { defineTool, type Tool } from "../../foundation/tool.ts";
import type { Archives } from "./archives.ts";
import type { ArchiveResult } from "./types.ts";

const id = z.string().min(1).max(300);
const root = z.string().max(500).optional().describe("if several planning folders have the id");

const result = z.object({
  change: z.string(),
  status: z.enum(["archived", "unarchived", "proposed", "would_archive"]),
  path: z.string(),
  commit: z.string().nullable(),
  branch: z.string().nullable(),
  approval: z.string().nullable(),
  specs: z.array(z.object({ path: z.string(), what: z.enum(["created", "changed", "removed"]) })),
  savedTexts: z.int(),
  warnings: z.array(z.string()),
  openspec: z.string().nullable(),
});
const archived = z.object({ results: z.array(result) });

/** Archiving with every text accounted for, and the way back. */
export function archiveTools(archives: Archives): Tool[] {
  return [
    defineTool({
      name: "change_archive",
      title: "Archive changes",
      description:
        "Archives finished changes in order: checks, OpenSpec's own merge, proof that no requirement text is lost, commit. For agents the result waits on a branch specloop/archive-<id> for a person. A refusal gives every reason and changes nothing.",
      input: z.object({
        ids: z.array(id).min(1).max(50),
        root,
        allowOpenTasks: z.boolean().optional(),
        dryRun: z.boolean().optional().describe("everything but the last step"),
      }),
      output: archived,
      effect: "write",
      toolset: "full",
    }).handle({
      run: async (input, { principal }) => ({ results: await archives.archive({ ...input, principal }) }),
      render: ({ results }) => results.map(renderResult).join("\n"),
    }),
    defineTool({
      name: "change_unarchive",
      title: "Take an archived change back",
      description:
        "Moves a change back out of the archive and takes its edits of the specs back; refused when the specs say something else since.",
      input: z.object({ id, root }),
      output: result,
      effect: "write",
      toolset: "full",
    }).handle({
      run: (input, { principal }) => archives.unarchive({ ...input, principal }),
      render: renderResult,
    }),
  ];
}

function renderResult({
  change,
  status,
  path,
  commit,
  branch,
  approval,
  specs,
  savedTexts,
  warnings,
}: ArchiveResult): string {
  const how = {
    archived: `archived as ${path} in ${commit?.slice(0, 10)}`,
    unarchived: `back in ${path} by ${commit?.slice(0, 10)}`,
    proposed: `ready on branch ${branch}; a person merges it${approval === null ? "" : ` or approves ${approval}`}`,
    would_archive: `would be archived as ${path}`,
  }[status];
  const saved = savedTexts > 0 ? [`  saved: ${savedTexts} requirement texts that would have been lost`] : [];
  return [
    `${change}: ${how}`,
    ...specs.map((spec) => `  ${spec.what} ${spec.path}`),
    ...saved,
    ...warnings.map((warning) => `  OpenSpec remarks: ${warning}`),
  ].join("\n");
}
