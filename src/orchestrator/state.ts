import type { DeltaOperation, Verdict } from "../adapters/openspec/index.ts";
import type { Diagnostic } from "../foundation/errors.ts";
import type { ArchivedTasks } from "./archive-tasks.ts";

/** Where a change is in its life; exactly one at a time. */
export const STAGES = [
  "scaffolded",
  "planning",
  "planned",
  "approved",
  "implementing",
  "implemented",
  "archived",
  "abandoned",
] as const;
export type Stage = (typeof STAGES)[number];

/**
 * What git knows of a change: nothing yet, something older, exactly this, or only a branch `specloop/<id>` has it (a
 * proposal that waits for a person to merge it).
 */
export type Place = "untracked" | "modified" | "committed" | "branch";

export interface ArtifactState {
  id: string;
  /** `done` when a file is there, whatever it says: OpenSpec's own rule. */
  status: "done" | "ready" | "blocked" | "skipped";
  /** Files that fit, relative to the repository. */
  paths: string[];
}

/** One requirement operation of a change. */
export interface DeltaState {
  capability: string;
  operation: DeltaOperation;
  requirement: string;
  /** New name, of a rename. */
  to?: string;
  path: string;
  line: number;
}

export interface OpenQuestion {
  path: string;
  line: number;
  text: string;
  answered: boolean;
}

export interface Overlap {
  change: string;
  capability: string;
  requirement: string;
  /** How it will end, where one change is looked at: nothing to do, a merge without or with a conflict, and where. */
  outcome?: { state: "same" | "merges" | "conflicts"; in: string[] };
}

/** A requirement that a change modifies, removes or renames, beside the text that the delta was written against. */
export interface BaseState {
  capability: string;
  /** Its name in the spec. */
  requirement: string;
  operation: Exclude<DeltaOperation, "ADDED">;
  /** The delta, and the line of the block in it. */
  path: string;
  line: number;
  /**
   * `current`: the spec says what the delta was written against, or the delta has what came since. `moved`: the spec
   * says something else. `gone`: the spec has no such requirement any more. `unknown`: nobody knows what the delta was
   * written against.
   */
  status: "current" | "moved" | "gone" | "unknown";
  /** Lines that the spec got and lost since. */
  came: string[];
  went: string[];
  /** Of these, what archiving the delta as it is would take away again, and what it would bring back. */
  drops: string[];
  returns: string[];
  /** Commit that the base was read from; null when it was read from the working tree. */
  commit: string | null;
  /** What a requirement that is gone is called now, where the same text stands under another name. */
  renamedTo: string | null;
}

export interface Mergeability {
  /**
   * `would_refuse`: OpenSpec's archive would stop, as the files say, or its own verdict where there is one. `stale_base`: it would not, and text of the spec would be lost.
   * `overlaps`: another change touches the same requirement.
   */
  state: "clean" | "would_refuse" | "stale_base" | "overlaps";
  overlaps: Overlap[];
}

/** A finding beside the last state: it came with it, stood before, or is gone since. */
export interface TrackedFinding extends Diagnostic {
  status: "new" | "standing" | "resolved";
}

/** Everything that follows from the files and from git about one change. */
export interface ChangeState {
  id: string;
  /** Name of its planning root: the path, before it the worktree or store where it lies elsewhere. */
  root: string;
  /** Its folder, relative to the repository or worktree that it lies in. */
  path: string;
  stage: Stage;
  title: string | null;
  goal: string | null;
  schema: string;
  git: Place;
  /** Branch that has it, for a proposal. */
  branch: string | null;
  artifacts: ArtifactState[];
  tasks: { done: number; total: number };
  deltas: DeltaState[];
  findings: Diagnostic[];
  questions: OpenQuestion[];
  mergeability: Mergeability;
  bases: BaseState[];
  /** SHA-256 over names and revisions of all its files. */
  contentHash: string;
  /** SHA-256 over what an approval binds: its planning documents with every task open. */
  planHash: string;
  /** SHA-256 over everything that the official verdict depends on. */
  verdictHash: string;
}

/** One planning root at one moment. */
export interface RootState {
  root: string;
  /** By id, in the order of ids. */
  changes: Map<string, ChangeState>;
  /** Names of the folders below changes/archive. */
  archived: string[];
  /** Ticks of archived changes, by the name of the folder. */
  archivedTasks: ReadonlyMap<string, ArchivedTasks>;
  /** Problems of the root itself: its configuration, schemas, main specs, a lock that was left. */
  findings: Diagnostic[];
}

/** The official verdict as far as it is known. */
interface Validity {
  verdict: Verdict | null;
  /** Whether it was given for what is on disk now; a fresh one is on its way when not. */
  current: boolean;
  /** Why there is none and none will come until something else changes. */
  problem: Diagnostic | null;
}

export interface ChangeView extends ChangeState {
  findings: TrackedFinding[];
  /** What the last state that changed any finding resolved. */
  resolved: Diagnostic[];
  validity: Validity;
}
