import { z } from "zod";
import { defineTool, type Tool } from "../../foundation/tool.ts";
import type { Orchestrator } from "../orchestrator.ts";
import { renderMerge } from "./render.ts";

const side = z.string().nullable();
const output = z.object({
  changeId: z.string(),
  root: z.string(),
  dryRun: z.boolean(),
  written: z.boolean(),
  blocks: z.array(
    z.object({
      capability: z.string(),
      requirement: z.string(),
      path: z.string(),
      line: z.int(),
      outcome: z.enum(["merged", "conflict", "resolved"]),
      came: z.array(z.string()),
      went: z.array(z.string()),
      conflicts: z.array(
        z.object({ scenario: z.string().nullable(), base: side, theirs: side, ours: side }).describe("null: not there"),
      ),
    }),
  ),
  diff: z.string(),
  commit: z.string().nullable(),
  message: z.string(),
});
export type MergeRow = z.output<typeof output>;

/** Brings a delta up to the spec that moved under it. */
export function mergeTools(orchestrator: Orchestrator): Tool[] {
  return [
    defineTool({
      name: "change_merge",
      title: "Merge a change with its specs",
      description:
        "Merges what the specs got since a change's deltas were written into these deltas (base, spec now, delta) and commits them; specs stay as they are. Conflicts are shown with their three sides and nothing is written.",
      input: z.object({
        id: z.string().min(1).max(300),
        root: z.string().max(500).optional().describe("if several planning folders have the id"),
        dryRun: z.boolean().optional().describe("show what would be written"),
        partial: z.boolean().optional().describe("write what merges, leave what conflicts"),
        resolved: z
          .array(z.string().min(1).max(500))
          .max(100)
          .optional()
          .describe("requirements whose delta stands as it is; only a person may say so"),
      }),
      output,
      effect: "write",
      toolset: "full",
    }).handle({
      run: (input, { principal }) => orchestrator.merge(input, principal),
      render: renderMerge,
    }),
  ];
}
