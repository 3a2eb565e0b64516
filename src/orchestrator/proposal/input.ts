import { z } from "zod";

const delta = z.object({
  capability: z.string(),
  operation: z.enum(["ADDED", "MODIFIED", "REMOVED", "RENAMED"]),
  requirement: z.string().min(1),
  text: z.string().optional().describe("the sentence with SHALL or MUST; REMOVED: why"),
  to: z.string().optional().describe("RENAMED: new name"),
  scenarios: z
    .array(z.object({ name: z.string().min(1), steps: z.array(z.string()).min(1) }))
    .optional()
    .describe("MODIFIED keeps the others"),
});

/** What a caller gives for a new change; a title is enough. Deliberately flat: small models fill it in too. */
export const proposalInput = z.object({
  title: z.string().min(1).max(300),
  content: z.string().optional().describe("markdown: ## Why, What Changes, Impact, Tasks, Design"),
  id: z.string().optional(),
  why: z.string().optional(),
  whatChanges: z.array(z.string()).optional(),
  impact: z.array(z.string()).optional(),
  design: z.string().optional(),
  tasks: z.array(z.string()).optional().describe("a line ending in : begins a group"),
  deltas: z.array(delta).max(200).optional(),
  specs: z
    .record(z.string(), z.string())
    .optional()
    .describe("instead: capability -> delta spec as OpenSpec writes it"),
});

export type ProposalInput = z.output<typeof proposalInput>;
export type DeltaInput = z.output<typeof delta>;
