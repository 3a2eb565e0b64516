import type { MergeConflict } from "../../adapters/openspec/index.ts";
import type { Principal } from "../../foundation/principal.ts";

/** What writes a merged delta: the document manager, with everything that it promises. */
export interface DeltaWriter {
  update(request: {
    files: { path: string; edits: DeltaEdit[]; baseRevision: string }[];
    reason: string;
    principal: Principal;
    origin: { change: string; question?: string };
  }): Promise<WrittenDelta>;
}

export type DeltaEdit = { kind: "write"; content: string } | { kind: "replace_text"; find: string; replace: string };

export interface WrittenDelta {
  /** `proposed`: it waits on a branch for a person; else it is in the worktree. */
  status: "committed" | "commit_pending" | "written" | "proposed" | "unchanged";
  commit: string | null;
  message: string;
}

export interface MergeRequest {
  id: string;
  root?: string | undefined;
  /** Shows what would be written. */
  dryRun?: boolean | undefined;
  /** Writes what merges even if something else does not. */
  partial?: boolean | undefined;
  /** Requirements whose text in the delta stands as it is, whatever the spec got since; only a person may say so. */
  resolved?: string[] | undefined;
}

/** What became of one requirement whose base is not current. */
export interface MergedBlock {
  capability: string;
  requirement: string;
  path: string;
  line: number;
  outcome: "merged" | "conflict" | "resolved";
  /** What the spec got and lost since the delta was written. */
  came: string[];
  went: string[];
  conflicts: MergeConflict[];
}

export interface MergeResult {
  changeId: string;
  root: string;
  dryRun: boolean;
  /** Whether the delta was written, or would be in a dry run. */
  written: boolean;
  blocks: MergedBlock[];
  /** What the merge does to the deltas. */
  diff: string;
  commit: string | null;
  message: string;
}
