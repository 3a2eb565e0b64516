import type { Kysely } from "kysely";
import type { Clock } from "../../foundation/clock.ts";
import { DETECTORS, type Scene } from "../detectors/index.ts";
import type { LoopOptions } from "../options.ts";
import type { RecordedQuestion, Replay, Tunables } from "../ports.ts";
import type { Problem } from "../problem.ts";
import type { SampleTables } from "../tables.ts";

export interface AnalyzeDependencies {
  samples: Kysely<SampleTables>;
  replay: Replay;
  tunables: Tunables;
  options: LoopOptions;
  clock: Clock;
}

/** Second step of the loop: every detector in turn. Deterministic, without the model, on the train split alone. */
export async function analyze(dependencies: AnalyzeDependencies, signal: AbortSignal): Promise<Problem[]> {
  const { replay, options } = dependencies;
  let train: Promise<RecordedQuestion[]> | null = null;
  const scene: Scene = {
    ...dependencies,
    train: () => (train ??= readTrain(replay, options.replayQuestions)),
    replay: (...call) => replay.replay(...call),
    signal,
  };
  const problems: Problem[] = [];
  for (const detector of DETECTORS) {
    signal.throwIfAborted();
    problems.push(...(await detector.detect(scene)));
  }
  return problems;
}

/** The split is checked again here: a question that judges proposals must not shape them. */
async function readTrain(replay: Replay, limit: number): Promise<RecordedQuestion[]> {
  const questions = await replay.recorded({ limit, split: "train" });
  return questions.filter(({ split }) => split === "train");
}
