import { z } from "zod";

/** What became of what a node left behind, as the run keeps it. */
export const restored = z.object({
  files: z.array(
    z.object({
      path: z.string(),
      became: z.enum(["restored", "merged", "already", "proposed", "kept"]),
      why: z.string(),
      diff: z.string(),
      commit: z.string().nullable(),
      branch: z.string().nullable(),
    }),
  ),
  runs: z.array(z.object({ run: z.string(), state: z.string(), why: z.string() })),
});
export type Restored = z.output<typeof restored>;

/**
 * What became of what each node did. `undone`: its undo ran. `restored`: its documents, or the run that it began, are as
 * before. `open`: still to come. `left`: it stays; `why` says what to do about it.
 */
export const undoReport = z.object({
  to: z.string().nullable().describe("Only back to before this node"),
  nodes: z.array(
    z.object({
      key: z.string(),
      type: z.string(),
      became: z.enum(["undone", "restored", "open", "left"]),
      why: z.string(),
      ...restored.shape,
    }),
  ),
});
export type UndoReport = z.output<typeof undoReport>;
