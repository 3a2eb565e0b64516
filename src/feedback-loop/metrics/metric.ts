import type { EventMap, EventName } from "../../foundation/events.ts";
import type { ReplayOutcome } from "../ports.ts";

/** One number that an event says, and the row that it is about. */
export interface Reading {
  value: number;
  /** Id of what it was read from: a question, a path, a tool. */
  ref: string | null;
  labels?: Record<string, string>;
}

/** What a reading needs to know of earlier events; bounded, and kept over restarts. */
export interface Earlier {
  /** Whether this question is seen for the first time; notes it. Knows the last 20,000. */
  isNew(questionId: string): boolean;
  /** Notes that `key` entered another state `at` (null: it is gone) and says when it entered the one that it left. */
  entered(key: string, at: number | null): number | null;
}

interface Source {
  event: EventName;
  /** Null when this event says nothing about the metric. */
  read: (payload: unknown, earlier: Earlier) => Reading | null;
}

/** What the `ref` of a sample names, so that a figure leads on from its rows. */
export type RefKind = "question" | "change" | "document" | "run" | "node" | "tool" | "purpose" | "cycle";

/** One measure. `share` values are 0 or 1 per sample, so their mean is a share. */
export interface Metric {
  /** Its id: `question.time_to_answer`. */
  name: string;
  /** Two to four words for a table. */
  title: string;
  /** What it says, in one sentence. */
  what: string;
  unit: "ms" | "share" | "count" | "tokens" | "usd";
  better: "higher" | "lower";
  ref: RefKind;
  /**
   * Labels that figures are parted by. Values come from tables and configuration, never from what clients make up; of one
   * metric at most 40 sets are told apart.
   */
  labels: readonly string[];
  /** Whether it is trusted to undo an experiment when it becomes worse. */
  guard: boolean;
  sources: Source[];
  /** The same measure on one replayed question; absent when replay says nothing about it, so it cannot be judged. */
  replay?: (outcome: ReplayOutcome) => number | null;
}

/** A source with the payload's own type. */
export function on<Name extends EventName>(
  event: Name,
  read: (payload: EventMap[Name], earlier: Earlier) => Reading | null,
): Source {
  return { event, read: (payload, earlier) => read(payload as EventMap[Name], earlier) };
}
