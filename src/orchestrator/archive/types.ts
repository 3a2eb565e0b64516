import type { Diagnostic } from "../../foundation/errors.ts";
import type { Principal } from "../../foundation/principal.ts";

export interface ArchiveRequest {
  /** In the order in which they are archived. */
  ids: string[];
  /** Planning root, where several have the ids. */
  root?: string | undefined;
  principal: Principal;
  /** For this call: open tasks are no reason to refuse. */
  allowOpenTasks?: boolean | undefined;
  /** Everything but the last step: nothing is written into the repository. */
  dryRun?: boolean | undefined;
}

export interface UnarchiveRequest {
  id: string;
  root?: string | undefined;
  principal: Principal;
}

/** What came of one change. */
export interface ArchiveResult {
  change: string;
  /** `archived` and `unarchived` are committed on the person's branch; `proposed` waits on a branch for a person. */
  status: "archived" | "unarchived" | "proposed" | "would_archive";
  /** The folder's new path, relative to the repository. */
  path: string;
  commit: string | null;
  /** Short name of the branch that waits. */
  branch: string | null;
  /** What the person is asked for, where approvals are kept. */
  approval: string | null;
  specs: SpecSummary[];
  /** Requirement texts that OpenSpec alone would have lost and that earlier refusals saved. */
  savedTexts: number;
  /** What OpenSpec remarked. */
  warnings: string[];
  openspec: string | null;
}

export interface SpecSummary {
  path: string;
  /** The main spec is new, changed, or gone with its last requirement. */
  what: "created" | "changed" | "removed";
}

/** Details of `archive_refused`. */
export interface Refusal {
  reasons: Diagnostic[];
  /** What was archived before in the same call. */
  done: ArchiveResult[];
  /** What was not tried any more. */
  left: string[];
}
