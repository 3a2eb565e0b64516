import type { z } from "zod";

/**
 * The options that one part declares: a section of `specloop.yaml` with its schema (all keys optional, defaults in the
 * schema, each with `.describe()`: the reference is made from it) and the environment variables that set single keys.
 */
export interface OptionsFragment<Schema extends z.ZodObject = z.ZodObject> {
  section: string;
  schema: Schema;
  /** Environment variable -> key in this section, dots for nesting. */
  env: Record<string, string>;
  /** Keys that may change while the daemon runs and that the feedback loop may propose to change, with their range. */
  tunable: Record<string, TunableRange>;
}

/** Bounds that a proposed value must keep: both ends included. */
export interface TunableRange {
  min: number;
  max: number;
  /** The smallest step worth trying. */
  step: number;
}

export function defineOptions<Schema extends z.ZodObject>(fragment: OptionsFragment<Schema>): OptionsFragment<Schema> {
  return fragment;
}

/** A value that may be replaced while the daemon runs: read `current` at each use, do not keep it. */
export interface Live<T> {
  readonly current: T;
}
