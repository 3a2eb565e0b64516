import type { Clock } from "../foundation/clock.ts";
import type { Logger } from "../foundation/logger.ts";
import type { Live } from "../foundation/options.ts";
import { Ascent, type Climb } from "./ascent.ts";
import type { NewAnswer } from "./insert.ts";
import type { QuestionOptions } from "./options.ts";
import type { Pace } from "./pace.ts";
import type { Responders } from "./responders/index.ts";
import { policyOf } from "./routing-options.ts";
import type { ResponderName } from "./types.ts";

export interface LadderParts {
  responders: Responders;
  options: Live<QuestionOptions>;
  pace: Pace;
  clock: Clock;
  logger: Logger;
}

/** Asks the responders that may answer a kind of question, in the order of its policy, until one does. */
export class Ladder {
  readonly #parts: LadderParts;

  constructor(parts: LadderParts) {
    this.#parts = parts;
  }

  /**
   * Null when nobody on the ladder answers. Rejects only when `signal` is aborted or `beforeSlow` rejects; a responder
   * that is still at work then is told to stop, and its rung says why.
   */
  climb(climb: Climb, signal: AbortSignal): Promise<NewAnswer | null> {
    return new Ascent(this.#parts, climb, signal).run(this.#rungs(climb));
  }

  /** Who wants several agents, or one of some choices, wants no text out of a document. */
  #rungs({ query, agentsOnly }: Climb): ResponderName[] {
    const { ladder } = policyOf(this.#parts.options.current, query.kind);
    const chosen = agentsOnly ? ladder.filter((name) => name === "agent") : ladder;
    return chosen.filter((name) => this.#parts.responders[name] !== null);
  }
}
