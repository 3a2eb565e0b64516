import type { Diagnostic } from "../../foundation/errors.ts";

/** One `openspec/` folder of the repository. */
export interface PlanningRoot {
  /** Relative to the repository with forward slashes: `openspec`, `packages/a/openspec`. */
  path: string;
  /** What it is called among all roots: its path, in another worktree or a store with that named before it. */
  name: string;
  /** The path, absolute and real. */
  directory: string;
  config: PlanningConfig;
  /** It has neither specs/ nor changes/: only then OpenSpec follows its `store:`. */
  isEmpty: boolean;
}

/** `openspec/config.yaml`, field by field: a bad field is a problem and does not spoil the others. */
export interface PlanningConfig {
  /** Schema of changes that name none. */
  schema: string | null;
  context: string | null;
  /** Planning kept in another repository; OpenSpec follows it only when there is neither specs/ nor changes/. */
  store: string | null;
  problems: Diagnostic[];
}

/** What OpenSpec itself says about a change, always in strict mode (errors and warnings both make it invalid). */
export interface Verdict {
  valid: boolean;
  /** Version of the OpenSpec that judged. */
  version: string;
  /** The project's own installation, another one, or either through its command line. */
  source: "project" | "path" | "cli";
  issues: VerdictIssue[];
  ms: number;
  /** Why the command line gave it, where it should have been another way. */
  note?: string;
}

export interface VerdictIssue {
  level: "ERROR" | "WARNING" | "INFO";
  path: string;
  message: string;
  line?: number;
}

/** Everything a change is made of, before it is files. */
export interface ChangeDraft {
  /** Kebab case, at most 200 characters: OpenSpec's rule for new changes. */
  id: string;
  title: string;
  why: string;
  whatChanges: string[];
  impact: string[];
  /** design.md's text; absent means no design.md. */
  design?: string;
  tasks: { group: string; items: string[] }[];
  deltas: DraftDelta[];
  /** The change alters no requirement: `skip_specs: true` and no deltas. */
  skipSpecs: boolean;
  /** Name inside the change folder -> content. */
  extraFiles: Record<string, string>;
  goal?: string;
}

export interface DraftDelta {
  capability: string;
  operation: "ADDED" | "MODIFIED" | "REMOVED" | "RENAMED";
  requirement: string;
  /** The sentence with SHALL or MUST; for REMOVED the reason. */
  text: string;
  /** In steps, or as a block that is taken over as it is. */
  scenarios: ({ name: string; steps: string[] } | { name: string; raw: string })[];
  /** New name, of a renaming. */
  to?: string;
}
