import type { Clock } from "../../foundation/clock.ts";
import { SpecloopError } from "../../foundation/errors.ts";
import type { Live } from "../../foundation/options.ts";
import type { Principal } from "../../foundation/principal.ts";
import type { OpenspecOptions } from "../options.ts";
import type { ChangeState } from "../state.ts";
import type { QuestionDesk } from "./port.ts";
import type { QuestionRow, QuestionRows } from "./question-rows.ts";

interface Dependencies {
  rows: QuestionRows;
  desk: QuestionDesk;
  clock: Clock;
  options: Live<OpenspecOptions>;
}

export interface AskWish {
  which: number[] | "all";
  principal: Principal;
  signal: AbortSignal;
}

const HOUR_MS = 3_600_000;
const SYSTEM: Principal = { kind: "system", name: "processing" };

/** Takes questions of documents to the question router. Nothing that is answered there is written by that alone. */
export class Asker {
  readonly #deps: Dependencies;

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies;
  }

  /** Asks what somebody wants to have asked; what was asked before is not asked again. */
  async ask(state: ChangeState, { which, principal, signal }: AskWish): Promise<void> {
    const rows = await this.#deps.rows.of(state);
    const wanted = which === "all" ? rows : rows.filter((_row, index) => which.includes(index + 1));
    if (which !== "all" && wanted.length < new Set(which).size) {
      throw new SpecloopError("bad_input", `${state.id} has the questions 1 to ${rows.length}.`, { target: "ask" });
    }
    for (const row of wanted) if (row.state === "open") await this.#askOne(state, row, { principal, signal });
  }

  /** Asks by itself, within what the options allow of one change and of an hour. */
  async askByItself(state: ChangeState, perChange: number, signal: AbortSignal): Promise<void> {
    const { rows, clock, options } = this.#deps;
    const all = await rows.of(state);
    const left = options.current.processing.perHour - (await rows.askedSince(clock.now() - HOUR_MS));
    const asked = all.filter(({ state: known }) => known !== "open").length;
    const open = all.filter(({ state: known }) => known === "open");
    for (const row of open.slice(0, Math.max(0, Math.min(left, perChange - asked)))) {
      await this.#askOne(state, row, { principal: SYSTEM, signal });
    }
  }

  async #askOne(
    state: ChangeState,
    row: QuestionRow,
    { principal, signal }: { principal: Principal; signal: AbortSignal },
  ): Promise<void> {
    const { desk, rows } = this.#deps;
    const request = {
      text: row.text,
      kind: "decision" as const,
      context: { change: state.id },
      idempotencyKey: `processing-${row.id}-${row.first_seen_at}`,
    };
    const result = await desk.ask(request, principal, signal);
    const { questionId: question_id } = result;
    if (result.status !== "answered") return rows.set(row.id, { state: "asked", question_id });
    const { text: answer, by: answered_by } = result.answer;
    return rows.set(row.id, { state: "suggested", question_id, answer, answered_by });
  }
}
