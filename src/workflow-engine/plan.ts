/**
 * A checked workflow as the engine runs it: what `definition/` makes of YAML and of the builder. Plain JSON, immutable,
 * named by its hash; a run keeps the plan it began with.
 */
export interface Plan {
  name: string;
  /** The author's own label, such as `2`; null where none is written. The hash tells versions apart. */
  version: string | null;
  description: string;
  /** SHA-256 of the canonical JSON of the plan without it. */
  hash: string;
  /** JSON Schema of the run's input. */
  input: Record<string, unknown>;
  budget: Budget;
  /** Names of the secrets that its nodes may read; values never stand in a plan. */
  secrets: string[];
  /** In an order in which every node comes after what it needs. */
  nodes: PlanNode[];
  /** CEL of each field of the run's output; empty: the outputs of the nodes that nothing needs, by key. */
  output: Record<string, string>;
}

/** Limits; null is no limit. The first of a run's that is reached pauses it and asks a person; a node's fails the node. */
export interface Budget {
  usd: number | null;
  tokens: number | null;
  /** Milliseconds of running, without waits for people. */
  ms: number | null;
}

/** `all_ok`: every needed node ended well or was skipped; `any_ok`: at least one ended well; `all_done`: all ended. */
export type RunIf = "all_ok" | "any_ok" | "all_done";

/** After a crash in the middle of an attempt: once more, failed, or a person is asked what happened. */
export type OnCrash = "retry" | "fail" | "ask";

/** Kinds of errors that a retry, a fallback and a breaker tell apart. */
export const FAILURES = ["timeout", "overload", "unavailable", "bad_output", "refused", "failed", "context"] as const;
export type FailureKind = (typeof FAILURES)[number];

export interface Retry {
  /** Further attempts after the first. */
  max: number;
  delayMs: number;
  /** Each delay is the one before times this. */
  factor: number;
  maxDelayMs: number;
  /** Share 0..1 of a delay that is random. */
  jitter: number;
  on: FailureKind[];
}

export interface PlanNode {
  /** `[a-z][a-z0-9_-]*`, unique in the plan; `review/undo` and `review/fallback` below another node. */
  key: string;
  /** A name of the table of node types. */
  type: string;
  needs: string[];
  runIf: RunIf;
  /** CEL; false skips the node. Null: always. */
  when: string | null;
  retry: Retry;
  /** Of one attempt, in milliseconds. */
  timeoutMs: number;
  /** Instead of failing: another node's work, or a value. */
  fallback: { node: PlanNode } | { value: unknown } | null;
  onCrash: OnCrash;
  /** Runs, in reverse order of completion, when the run is undone. */
  undo: PlanNode | null;
  budget: Budget;
  /** A snapshot (git ref and values) is taken before the node. */
  snapshot: boolean;
  /** Only of a `map`: what is done for each item. */
  body: Body | null;
  /** The rest as written: the type's schema makes its configuration of it when templates and CEL in it have values. */
  config: Record<string, unknown>;
}

/**
 * A small plan that runs once per item of a `map`; its nodes' keys in a run are `files[3]/fix`. Their expressions see the
 * item under `as`, its place as `index`, their siblings and whatever the map itself sees. The result of an item is the
 * output of the node that nothing in the body needs; of several, an object by key.
 */
export interface Body {
  as: string;
  /** In an order in which every node comes after what it needs. */
  nodes: PlanNode[];
}
