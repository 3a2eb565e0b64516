import type { Kysely } from "kysely";
import type { Clock } from "../../foundation/clock.ts";
import type { LoopOptions } from "../options.ts";
import type { RecordedQuestion, Replay, Tunables } from "../ports.ts";
import type { Problem } from "../problem.ts";
import type { SampleTables } from "../tables.ts";

/** What detectors look at. Nothing of the validation split is reachable from here. */
export interface Scene {
  samples: Kysely<SampleTables>;
  /** Recorded questions of the train split, read once per cycle. */
  train(): Promise<RecordedQuestion[]>;
  replay: Replay["replay"];
  tunables: Tunables;
  options: LoopOptions;
  clock: Clock;
  signal: AbortSignal;
}

/** A deterministic way to find one kind of problem. */
export interface Detector {
  name: string;
  what: string;
  detect(scene: Scene): Promise<Problem[]>;
}
