import type { z } from "zod";
import type { Principal } from "../foundation/principal.ts";
import type { FailureKind, OnCrash } from "./plan.ts";

/** What one attempt used. `usd` is null where no price is known: unknown, never 0. */
export interface Spending {
  tokensIn: number;
  tokensOut: number;
  usd: number | null;
  model: string | null;
}

/** What an attempt works with. Everything that the node names is already evaluated. */
export interface Attempt<Config> {
  config: Config;
  runId: string;
  /** `review`, `files[3]/fix`: unique in the run. */
  key: string;
  /** From 1. */
  attempt: number;
  /** Counts up with each failure and each time a person has it done again; after a crash it is the same. */
  round: number;
  /** Stable over attempts: `${runId}/${key}`; handed on to whoever takes an idempotency key. */
  idempotencyKey: string;
  /** Who started the run; rights are checked as this principal's. */
  principal: Principal;
  /** What was shown in the wait that just ended; null before the first one. */
  waited: Record<string, unknown> | null;
  /** Aborted by the timeout, cancel, pause for the budget, and when the daemon stops. */
  signal: AbortSignal;
  /** Counts what was used as soon as it is known; kept even if the attempt fails. */
  readonly spend: (used: Spending) => void;
  /** One line of the node's log. */
  readonly log: (line: string) => void;
  /** Share 0..1 of the work done, shown live. */
  readonly progress: (share: number, what?: string) => void;
}

/**
 * How an attempt ended. What waits takes no process: it goes on when the signal arrives or `until` passes. `items` is the
 * map's own: its body runs once for each, so many at a time.
 */
export type Outcome =
  | { outcome: "done"; output: unknown }
  | { outcome: "waiting"; signal: string; until: number | null; shown: Record<string, unknown> }
  | { outcome: "items"; items: unknown[]; concurrency: number; onError: "fail" | "continue" }
  | { outcome: "failed"; kind: FailureKind; message: string; details?: unknown };

/** A piece that the author wrote, or the value of a template with its CEL. */
export type WovenPart = string | { value: unknown; cel: string };

/** What a node reaches outside of the engine, for the person who approves it. */
export interface Reached {
  /** The program with its arguments, the method and address, the tool. */
  what: string;
  /** More that matters: `has the network`, `may write: dist`, `secrets: TOKEN`. */
  with: string[];
}

/** One kind of node: one file in `nodes/`, one line in its table. */
export interface NodeType<Config = Record<string, unknown>> {
  type: string;
  /** One sentence for people and for the editor's schema. */
  description: string;
  /** Of the node's own fields when expressions and templates have values; strict. */
  config: z.ZodType<Config>;
  /** Names of the fields whose texts are CEL as a whole; in every other text `${{ CEL }}` is a template. */
  expressions: string[];
  /** Of `expressions`, those that must be true or false. */
  booleans?: string[];
  /** Names of the fields in which no template is allowed, such as a command's program: data never becomes code. */
  literal?: string[];
  /** Names of the fields in which `${{ secrets.NAME }}` may stand. Absent: none. */
  secrets?: string[];
  /**
   * How a text of a field is put together of what the author wrote and of the values of its templates, by the field's
   * name: values of a prompt are marked as data, those of an address are encoded. Absent: values stand as they are.
   */
  weave?: Record<string, (parts: WovenPart[]) => string>;
  /**
   * `clone`: it works with the files of the clone in which the run was begun, so another process of a team never does it.
   * Types with a `reach` are so, too. Absent: any process may.
   */
  place?: "clone";
  /** Whether it has a body, written as `as` and `do`. Absent: false. */
  body?: boolean;
  /** Of one attempt where the definition says nothing, in milliseconds. Absent: ten minutes. */
  timeoutMs?: number;
  /** JSON Schema of the output of a node with this configuration as it is written: expressions are still text. */
  output(config: Config): Record<string, unknown>;
  /** Whether what it does may be repeated: decides what `on_crash` is when the definition does not say. */
  onCrash: OnCrash;
  /** The same where it depends on the configuration as it is written. */
  onCrashOf?(config: Record<string, unknown>): OnCrash;
  /**
   * What it starts or contacts, of the configuration as it is written. A type that has this runs only in a workflow whose
   * content a person approved.
   */
  reach?(config: Record<string, unknown>): Reached;
  /**
   * What it does stays inside the engine (a value, a wait, a child run), so it may be done twice unseen: no intent is
   * recorded before it, which saves a commit. Absent: false.
   */
  inside?: boolean;
  /** It leaves nothing behind that would be taken back when a run is undone, of the configuration as it is written. */
  harmless?(config: Record<string, unknown>): boolean;
  /** What it reaches for (a host, a model, a tool); failures are counted per type and target. Null or absent: the type. */
  target?(config: Config): string | null;
  /** Tokens and money that an attempt may use at most, reserved before it; null when it uses none. */
  estimate?(config: Config): { tokens: number; model: string | null } | null;
  execute(attempt: Attempt<Config>): Promise<Outcome>;
  /** After a wait: makes the output of what arrived. `timeout`: nobody answered in time. */
  resume?(attempt: Attempt<Config>, arrived: { data: unknown; by: string } | "timeout"): Promise<Outcome>;
}
