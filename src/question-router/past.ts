import type { Store } from "../adapters/store/index.ts";
import type { Clock } from "../foundation/clock.ts";
import type { Logger } from "../foundation/logger.ts";
import type { Live } from "../foundation/options.ts";
import type { Corpus } from "./corpus.ts";
import { evaluate, type Evaluation } from "./evaluation/evaluate.ts";
import type { LabelledQuestion } from "./evaluation/labelled.ts";
import type { Ledger } from "./ledger.ts";
import type { QuestionOptions } from "./options.ts";
import { replay, splitOf, toRecorded } from "./replay.ts";
import type { DocumentSearch } from "./search/port.ts";
import { questionStatistics, type QuestionStatistics } from "./stats/stats.ts";
import type { QuestionTables, QuestionTelemetryTables } from "./tables.ts";
import type { RecordedQuestion, ReplayEnvironment, ReplayOutcome } from "./types.ts";

interface Dependencies {
  store: Store<QuestionTables>;
  telemetry: Store<QuestionTelemetryTables>;
  ledger: Ledger;
  corpus: Corpus;
  index: DocumentSearch;
  clock: Clock;
  logger: Logger;
  options: Live<QuestionOptions>;
}

/** How many questions are read for each one that is wanted of a split. */
const HISTORY_PER_SPLIT = 4;

/** What the questions of the past teach: figures, and how they would be answered otherwise. Writes nothing. */
export class Past {
  readonly #deps: Dependencies;

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies;
  }

  statistics(days: number): Promise<QuestionStatistics> {
    const { store, telemetry, clock } = this.#deps;
    return questionStatistics({ core: store, telemetry }, days, clock.now());
  }

  async recorded({ limit, split }: { limit: number; split?: "train" | "validation" }): Promise<RecordedQuestion[]> {
    const rows = await this.#deps.ledger.history(split === undefined ? limit : limit * HISTORY_PER_SPLIT);
    return rows
      .filter(({ question }) => split === undefined || splitOf(question.id) === split)
      .slice(0, limit)
      .map((row) => toRecorded(row, this.#deps.clock.now()));
  }

  replay(questions: RecordedQuestion[], environment: ReplayEnvironment, signal: AbortSignal): Promise<ReplayOutcome[]> {
    const { index, clock, options, corpus } = this.#deps;
    return replay(questions, environment, { index, corpus, current: options.current, clock }, signal);
  }

  evaluate(questions: LabelledQuestion[], signal: AbortSignal): Promise<Evaluation> {
    return evaluate(this.#deps, questions, signal);
  }
}
