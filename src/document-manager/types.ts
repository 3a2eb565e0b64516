import type { DocumentEdit, Section, TaskItem } from "../adapters/markdown/index.ts";
import type { Diagnostic } from "../foundation/errors.ts";
import type { Principal } from "../foundation/principal.ts";

/** What an edit belongs to; becomes trailers of its commit. */
export interface Origin {
  change?: string;
  question?: string;
  cycle?: string;
  proposal?: string;
  /** Run of a workflow. */
  run?: string;
}

export interface UpdateRequest {
  /** Each path once; all of them end in one commit. */
  files: { path: string; edits: DocumentEdit[]; baseRevision?: string }[];
  /** Why: subject (and body) of the commit. */
  reason: string;
  principal: Principal;
  origin?: Origin;
  /** The same key with the same request gives the result of the first call. */
  idempotencyKey?: string;
  /** Set by the system only, for what a person approved by a merge: skips the detour for sensitive paths. */
  approved?: boolean;
}

export interface RevertRequest {
  commit: string;
  /** One edit of the commit with its files, where only that is to go back. */
  edit?: { id: string; files: { path: string; base: string | null; next: string | null }[] };
  reason: string;
  principal: Principal;
  origin?: Origin;
}

export interface UpdateResult {
  /**
   * `committed` on the person's branch; `commit_pending`: durable, committed when git is free; `proposed` on a branch that
   * a person merges; `written` in the working tree only, because git does not know the document yet; `unchanged`: the
   * document is like that already.
   */
  status: "committed" | "commit_pending" | "proposed" | "written" | "unchanged";
  commit: string | null;
  /** Short name of the branch that waits for a person. */
  branch: string | null;
  /** Id of the approval that a proposed edit waits for. */
  approval?: string | undefined;
  /** `revision`: what the document is after the edit; `diff`: unified. */
  files: { path: string; revision: string; diff: string }[];
  message: string;
}

/** A document as it is in the working tree. Offsets count in `content`, which has no byte order mark. */
export interface DocumentView {
  path: string;
  /** Git's blob id of the bytes. */
  revision: string;
  bytes: number;
  frontMatter: Record<string, unknown>;
  sections: Section[];
  tasks: TaskItem[];
  content: string;
  /** What could not be read of it, for instance broken front matter. */
  problems: Diagnostic[];
}
