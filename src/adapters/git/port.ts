import type { BlamedLine, BlameRequest } from "./blame.ts";
import type { RefEntry } from "./ref-entries.ts";

/** Where a repository is. All paths absolute and real. */
export interface GitPlaces {
  /** Top of the worktree that was asked about. */
  worktree: string;
  /** The directory that all worktrees share (git-rev-parse --git-common-dir). */
  commonDirectory: string;
  /** This worktree's own git directory. */
  gitDirectory: string;
}

/** Whether a commit may be made now, and if not, why. */
export type GitState =
  | { kind: "clean"; branch: string }
  | { kind: "unborn"; branch: string }
  | { kind: "detached" }
  | { kind: "busy"; operation: "merge" | "rebase" | "cherry-pick" | "revert" | "bisect" | "am" };

export interface Head {
  /** Commit id, null on an unborn branch. */
  commit: string | null;
  /** Short branch name, null when detached. */
  branch: string | null;
}

/** One commit as history shows it. */
export interface HistoryEntry {
  commit: string;
  author: string;
  email: string;
  /** Epoch milliseconds of the author date. */
  at: number;
  subject: string;
  body: string;
  /** `Specloop-*` trailers, name -> value; of the last edit where the commit holds several. */
  trailers: Record<string, string>;
  /** The same for every edit that the commit holds, in the order in which they were made. */
  edits: Record<string, string>[];
}

export interface RecordedBlobs {
  head: string | null;
  /** Stage 0; null while the path is in conflict. */
  index: string | null;
}

export interface CommitRequest {
  /** Paths relative to the worktree; only they are committed, whatever else is staged. */
  paths: string[];
  /** Subject line, and body after a blank line. */
  message: string;
  /** One record, or one per edit where several edits share the commit; each begins with `Specloop-Edit` then. */
  trailers: Record<string, string> | Record<string, string>[];
  /** `Name <mail>`; git's configured author when absent. */
  author?: string;
  /** How long a held lock is waited for, milliseconds; the limit that git was opened with when absent. */
  lockWaitMs?: number;
  /** Ends the waiting for a lock, as if the limit were reached. */
  signal?: AbortSignal;
}

export interface BranchCommitRequest {
  /** Full name: `refs/heads/specloop/x`. Refused with `ref_moved` when checked out in any worktree. */
  ref: string;
  /** Commit that the new commit stands on: normally HEAD. */
  parent: string;
  /** What `ref` must be now: null for "does not exist". A different value is `ref_moved`. */
  expected: string | null;
  /** Path -> content, null to delete. Bytes are content as the working tree has it: line ends and filters are applied. */
  files: Map<string, string | Uint8Array | null>;
  /** Folders that get another name with everything in them, before `files` are written. */
  moves?: { from: string; to: string }[];
  message: string;
  trailers: Record<string, string>;
  author?: string;
}

/** One commit with what it did to the files that were asked about. */
export interface PathCommit extends Omit<HistoryEntry, "body"> {
  /** Blob ids, null for "no file". */
  changes: { path: string; before: string | null; after: string | null }[];
}

export interface PathHistoryRequest {
  /** Files and folders. */
  under: string[];
  limit?: number;
  /** HEAD when absent. */
  revision?: string;
}

/** Everything specloop does with git. Never checkout, reset, stash, clean, rebase, pull or push. */
export interface Git {
  readonly places: GitPlaces;
  head(): Promise<Head>;
  state(): Promise<GitState>;
  /** Commit id of a revision, null when it does not exist. */
  resolve(revision: string): Promise<string | null>;
  /** Content of a file at a revision, null when absent. */
  read(revision: string, path: string): Promise<Buffer | null>;
  /** Paths below `under` at a revision with their blob ids. */
  list(revision: string, under: string): Promise<Map<string, string>>;
  /** Tracked and untracked, not ignored files below `under`, relative to the worktree. */
  files(under: string): Promise<string[]>;
  /** What git has of a folder of the worktree's top, whatever the case of its name. */
  tracked(folder: string): Promise<string[]>;
  /** Whether the worktree, the index and HEAD agree about `path`; `untracked` when git does not know it. */
  pathState(path: string): Promise<"clean" | "staged" | "modified" | "untracked" | "absent">;
  /**
   * Blob ids that HEAD and the index have of paths, null for "not there"; one process at any number of paths, and none of
   * the other files is looked at. HEAD, index and a file's own blob id being equal is the cheap proof that it is clean.
   */
  recorded(paths: string[]): Promise<Map<string, RecordedBlobs>>;
  /** The blob id that git would give a file of the worktree, with line ends and filters as it is configured. */
  blobIdOf(path: string): Promise<string>;
  /** Takes files as they are in the worktree into the index: where a hook changed what we committed, and only there. */
  takeIntoIndex(paths: string[]): Promise<void>;
  isIgnored(path: string): Promise<boolean>;
  /**
   * `git commit --only` of these paths with `core.fsync=committed`: the person's other staged work stays staged.
   * Waits with jitter for a held index.lock up to a limit, then `git_busy`. Returns the commit id. A lock that a killed
   * git of ours left is removed, another one never.
   */
  commitOnly(request: CommitRequest): Promise<string>;
  /** Removes locks that a killed git of ours left behind, as the journal tells; returns their paths. */
  removeOwnLocks(): Promise<string[]>;
  /** A commit on a branch that is not checked out, by objects and compare-and-swap; worktree and index stay as they are. */
  commitToBranch(request: BranchCommitRequest): Promise<string>;
  /** Deletes a branch if it is still at `expected`. */
  deleteBranch(ref: string, expected: string): Promise<void>;
  /** Whether `ancestor` is reachable from `descendant`. */
  isAncestor(ancestor: string, descendant: string): Promise<boolean>;
  /** Branches below `prefix` (`refs/heads/specloop/`): full name -> commit. */
  branches(prefix: string): Promise<Map<string, string>>;
  /** Refs below `prefix` with the messages of their commits. */
  refEntries(prefix: string): Promise<RefEntry[]>;
  /** Whether merging `theirs` into `ours` would conflict (git-merge-tree --write-tree). */
  wouldConflict(ours: string, theirs: string): Promise<boolean>;
  /** Newest first. `path` follows no renames. */
  history(options: { path?: string; limit: number; revision?: string }): Promise<HistoryEntry[]>;
  /** Who wrote the lines of a tracked file as it is in the working tree. */
  blame(request: BlameRequest): Promise<BlamedLine[]>;
  /** Unified diff of a path or everything between two revisions. */
  diff(from: string, to: string, path?: string): Promise<string>;
  /** Newest first, without merges: every commit below these paths with the blobs before and after. */
  pathHistory(request: PathHistoryRequest): Promise<PathCommit[]>;
  /** Contents of blobs by id; a missing one is left out. */
  readBlobs(ids: Iterable<string>): Promise<Map<string, Buffer>>;
  /** Commits without parents below HEAD: the same in every whole clone. Empty while unborn and for a shallow clone. */
  rootCommits(): Promise<string[]>;
  /** Commits at which a shallow clone ends; empty for a whole one. */
  shallowCommits(): Promise<Set<string>>;
  /** Files below a folder that are not as HEAD has them: staged, modified, deleted, untracked; ignored ones left out. */
  dirty(folder: string): Promise<string[]>;
}
