import type { Spending } from "../node-type.ts";
import type { Budget } from "../plan.ts";
import type { Failure, Stored } from "./state.ts";

/** One line of a run's history. */
export interface RunEvent {
  /** 1, 2, 3 … in a run. */
  seq: number;
  key: string | null;
  type: string;
  data: Record<string, unknown>;
  at: number;
}

/** One attempt that ended, kept for looking back. */
export interface Attempted {
  key: string;
  attempt: number;
  outcome: string;
  input: Stored | null;
  output: Stored | null;
  error: Failure | null;
  log: string;
  usd: number | null;
  tokensIn: number;
  tokensOut: number;
  model: string | null;
  startedAt: number;
  endedAt: number;
}

/** How an attempt ended, with every value already stored. */
export type Ending =
  | { outcome: "done"; output: Stored }
  | { outcome: "skipped" }
  | { outcome: "waiting"; signal: string; until: number | null; shown: Stored }
  | { outcome: "items"; items: Stored; total: number; concurrency: number; onError: "fail" | "continue" }
  | { outcome: "failed"; error: Failure }
  /** Nothing was begun: its breaker is open until then. */
  | { outcome: "deferred"; until: number; why: string }
  /** It was stopped in the middle: by the budget, by cancel, by the end of the process. */
  | { outcome: "interrupted"; why: "budget" | "cancelled" | "stopped" };

export interface Reserve {
  tokens: number;
  /** Null: the price is not known. */
  usd: number | null;
}

/** What happens to a run. Applied in order, in one transaction with what follows from it. */
export type Message =
  | { type: "look" }
  | { type: "time" }
  | { type: "recover" }
  | { type: "claim"; key: string; attempt: number; input: Stored | null; reserve: Reserve | null }
  | { type: "spent"; key: string; attempt: number; used: Spending }
  | {
      type: "ended";
      key: string;
      attempt: number;
      ending: Ending;
      input: Stored | null;
      log: string;
      startedAt: number;
    }
  | { type: "redelivered"; key: string; attempt: number }
  | { type: "signal"; name: string; data: Stored; by: string }
  | { type: "cancel"; by: string }
  | { type: "pause"; by: string }
  | { type: "resume"; by: string; from: string | null; budget: Partial<Budget> | null }
  /** `to`: a node and the number of the event with which it was begun; null: all of it. */
  | { type: "undo"; by: string; to: { key: string; seq: number } | null }
  /** Documents were kept around an attempt. */
  | { type: "snapshot"; key: string; attempt: number; when: "before" | "after"; commit: string }
  | { type: "resolve"; by: string; key: string; how: "done" | "retry" | "fail"; output: Stored | null };

/** What the sender of a message is told: `ignored` where it came too late to matter. */
export type Reply = "applied" | "ignored" | "duplicate" | "refused";
