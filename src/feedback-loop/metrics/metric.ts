import type { EventMap, EventName } from "../../foundation/events.ts";
import type { ReplayOutcome } from "../ports.ts";

/** One number that an event says, and the row that it is about. */
export interface Reading {
  value: number;
  /** Id of what it was read from: a question, a path, a tool. */
  ref: string | null;
  labels?: Record<string, string>;
}

interface Source {
  event: EventName;
  /** Null when this event says nothing about the metric. */
  read: (payload: unknown) => Reading | null;
}

/** One measure. `share` values are 0 or 1 per sample, so their mean is a share. */
export interface Metric {
  name: string;
  what: string;
  unit: "ms" | "share" | "count" | "tokens" | "usd";
  better: "higher" | "lower";
  sources: Source[];
  /** The same measure on one replayed question; absent when replay says nothing about it, so it cannot be judged. */
  replay?: (outcome: ReplayOutcome) => number | null;
}

/** A source with the payload's own type. */
export function on<Name extends EventName>(event: Name, read: (payload: EventMap[Name]) => Reading | null): Source {
  return { event, read: (payload) => read(payload as EventMap[Name]) };
}
