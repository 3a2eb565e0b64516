import type { Llm } from "../../adapters/llm/index.ts";
import type { Store } from "../../adapters/store/index.ts";
import type { Clock } from "../../foundation/clock.ts";
import { SpecloopError, toSpecloopError } from "../../foundation/errors.ts";
import type { EventBus } from "../../foundation/events.ts";
import type { Logger } from "../../foundation/logger.ts";
import type { Live } from "../../foundation/options.ts";
import type { Principal } from "../../foundation/principal.ts";
import type { Service } from "../../foundation/service.ts";
import type { DeltaWriter } from "../merge/index.ts";
import type { OpenspecOptions } from "../options.ts";
import type { Orchestrator } from "../orchestrator.ts";
import type { ChangeState } from "../state.ts";
import { AnswerWriter } from "./answer-writer.ts";
import { Asker } from "./asker.ts";
import type { Processed, ProcessedQuestion, QuestionDesk, Suggestions } from "./port.ts";
import { QuestionRows } from "./question-rows.ts";
import { readDocuments } from "./read-documents.ts";
import { suggest } from "./suggest.ts";
import type { ProcessingTables } from "./tables.ts";

export interface ProcessorParts {
  store: Store<ProcessingTables>;
  changes: Pick<Orchestrator, "get" | "states" | "refresh">;
  /** Top of the worktree whose documents are read. */
  worktree: string;
  events: EventBus;
  clock: Clock;
  logger: Logger;
  options: Live<OpenspecOptions>;
  desk: QuestionDesk;
  writer: DeltaWriter;
  llm: Llm;
}

export interface ProcessRequest {
  id: string;
  root?: string | undefined;
  /** Numbers of questions to ask; `all` for every open one. */
  ask?: number[] | "all" | undefined;
  /** Answers one question and writes the answer below it. */
  answer?: { question: number; text: string } | undefined;
  /** Number of a question whose suggested answer a person takes over. */
  accept?: number | undefined;
  /** Lets the model read the documents. */
  suggest?: boolean | undefined;
  principal: Principal;
  signal: AbortSignal;
}

const DAY_MS = 86_400_000;
const FINISHED = new Set(["archived", "abandoned"]);

/**
 * What happens to a change besides being watched: its open questions are collected, asked when somebody wants that, and
 * answered where they stand; a model may say what it would ask and make better. One change at a time, in the background.
 */
export class ChangeProcessor implements Service {
  readonly name = "processing";
  readonly #parts: ProcessorParts;
  readonly #rows: QuestionRows;
  readonly #asker: Asker;
  readonly #writer: AnswerWriter;
  readonly #stop = new AbortController();
  readonly #listeners = new DisposableStack();
  readonly #waiting = new Map<string, { id: string; root: string | undefined }>();
  #turn: Promise<unknown> = Promise.resolve();
  #calls: number[] = [];

  constructor(parts: ProcessorParts) {
    this.#parts = parts;
    this.#rows = new QuestionRows(parts.store, parts.clock);
    this.#asker = new Asker({ ...parts, rows: this.#rows });
    this.#writer = new AnswerWriter({ ...parts, rows: this.#rows });
  }

  async start(signal: AbortSignal): Promise<void> {
    const { events } = this.#parts;
    const changed = ({ changeId, root }: { changeId: string; root: string }) => this.#wake(changeId, root);
    this.#listeners.use(events.on("change.state_changed", changed));
    this.#listeners.use(events.on("watch.settled", ({ paths }) => this.#wakeFor(paths)));
    this.#listeners.use(
      events.on("question.answered", ({ questionId }) => this.#later(() => this.#answered(questionId))),
    );
    await this.#rows.load();
    signal.throwIfAborted();
    this.#later(() => this.#catchUp());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listeners.dispose();
    this.#stop.abort(new SpecloopError("daemon_stopping", "The daemon is stopping."));
    await this.#turn;
  }

  /** Waits until what was noticed so far is processed. */
  async idle(): Promise<void> {
    await this.#turn;
  }

  /** The document below whose question a person's answer to it will be written; null where none will be. */
  async originOf(questionId: string): Promise<{ path: string } | null> {
    if (this.#parts.options.current.processing.writeAnswers !== "person") return null;
    const row = await this.#rows.byQuestion(questionId);
    return row && (row.state === "asked" || row.state === "suggested") ? { path: row.path } : null;
  }

  /** What a change asks and what became of it, after doing what is wished. Throws `unknown_change`, `bad_input`, … */
  async process(request: ProcessRequest): Promise<Processed> {
    return this.#inTurn(async () => {
      const state = await this.#active(request.id, request.root);
      await this.#rows.collect(state);
      await this.#carryOut(state, request);
      const now = await this.#active(request.id, request.root);
      await this.#rows.collect(now);
      return this.#processed(now);
    });
  }

  async #carryOut(state: ChangeState, request: ProcessRequest): Promise<void> {
    const { ask, answer, accept, principal, signal } = request;
    if (ask !== undefined) await this.#asker.ask(state, { which: ask, principal, signal });
    if (answer !== undefined) {
      const row = await this.#numbered(state, answer.question);
      await this.#writer.answer(row, { text: answer.text, principal });
    }
    if (accept !== undefined) {
      if (principal.kind !== "person") throw new SpecloopError("forbidden", "Only a person takes an answer over.");
      await this.#writer.accept(await this.#numbered(state, accept), principal);
    }
    if (request.suggest === true) await this.#suggest(state, signal);
    if (answer !== undefined || accept !== undefined) await this.#parts.changes.refresh();
  }

  async #numbered(state: ChangeState, number: number) {
    const rows = await this.#rows.of(state);
    const row = rows[number - 1];
    if (row) return row;
    throw new SpecloopError("bad_input", `${state.id} has ${rows.length} questions, and no number ${number}.`, {
      target: "question",
      fix: `See them with \`specloop change questions ${state.id}\`.`,
    });
  }

  async #active(id: string, root: string | undefined): Promise<ChangeState> {
    const state = await this.#parts.changes.get(id, root);
    if (!FINISHED.has(state.stage)) return state;
    throw new SpecloopError("unsupported", `${id} is ${state.stage}, and nobody answers its questions any more.`, {
      target: id,
    });
  }

  async #processed(state: ChangeState): Promise<Processed> {
    const rows = await this.#rows.of(state);
    const questions = rows.map((row, index): ProcessedQuestion => {
      const { path, line, text, question_id: questionId, answer, answered_by: answeredBy } = row;
      const shown = row.state === "gone" ? "open" : row.state;
      return { number: index + 1, path, line, text, state: shown, questionId, answer, answeredBy };
    });
    return { changeId: state.id, root: state.root, questions, ...(await this.#rows.outcome(state)) };
  }

  /** At the start: what was saved, answered or left unwritten while no daemon ran. */
  async #catchUp(): Promise<void> {
    for (const state of ["asked", "suggested"] as const) {
      for (const row of await this.#rows.inState(state)) if (row.question_id) await this.#answered(row.question_id);
    }
    for (const row of await this.#rows.inState("answered")) await this.#writer.write(row);
    for (const { root, changes } of this.#parts.changes.states()) {
      for (const state of changes.values()) if (this.#isWaiting(state)) this.#wake(state.id, root);
    }
  }

  /** What lies elsewhere or on a branch is not written here, so nothing is done for it unbidden. */
  #isWaiting(state: ChangeState): boolean {
    if (FINISHED.has(state.stage) || state.git === "branch" || !state.path.startsWith(`${state.root}/`)) return false;
    const wantsAll = this.#parts.options.current.processing.suggest === "new";
    return !this.#rows.isProcessed(state) || (wantsAll && !this.#rows.isKnown(state));
  }

  #wakeFor(paths: string[]): void {
    for (const path of paths) {
      const found = /^(.*?openspec)\/changes\/([^/]+)\//.exec(path);
      if (found && found[2] !== "archive") this.#wake(found[2]!, found[1]);
    }
  }

  #wake(id: string, root: string | undefined): void {
    const key = `${root ?? ""}\0${id}`;
    if (this.#waiting.has(key)) return;
    this.#waiting.set(key, { id, root });
    this.#later(async () => {
      this.#waiting.delete(key);
      await this.#take(id, root);
    });
  }

  /** Collects what a new or changed change asks, and does what the options say happens by itself. */
  async #take(id: string, root: string | undefined): Promise<void> {
    const state = await this.#parts.changes.get(id, root).catch(() => null);
    if (!state || !this.#isWaiting(state)) return;
    await this.#rows.collect(state);
    for (const row of await this.#rows.of(state)) if (row.state === "answered") await this.#writer.write(row);
    const { ask, perChange, suggest: suggests } = this.#parts.options.current.processing;
    if (ask === "new") await this.#asker.askByItself(state, perChange, this.#stop.signal);
    if (suggests === "new") await this.#suggest(state, this.#stop.signal);
  }

  async #answered(questionId: string): Promise<void> {
    const row = await this.#rows.byQuestion(questionId);
    // A person may still answer what somebody suggested an answer for.
    if (!row || (row.state !== "asked" && row.state !== "suggested")) return;
    const { answer } = await this.#parts.desk.get(questionId);
    if (answer && answer.text !== row.answer) await this.#writer.take(row, answer);
  }

  /** Never throws: that a model is not there is said with the change. */
  async #suggest(state: ChangeState, signal: AbortSignal): Promise<void> {
    const { clock, options, llm, worktree } = this.#parts;
    const { suggestionsPerDay, maxTokens } = options.current.processing;
    const now = clock.now();
    this.#calls = this.#calls.filter((at) => now - at < DAY_MS);
    let made: { suggestions?: Suggestions; note: string | null };
    if (this.#calls.length >= suggestionsPerDay) {
      made = {
        note: `The model was asked ${suggestionsPerDay} times in a day already (processing.suggestionsPerDay).`,
      };
    } else {
      this.#calls.push(now);
      const documents = await readDocuments(worktree, state, options.current.maxFileBytes);
      const either = AbortSignal.any([signal, this.#stop.signal]);
      made = await suggest(llm, { documents, maxTokens, now }, either).then(
        (suggestions) => ({ suggestions, note: null }),
        (error: unknown) => ({ note: `No suggestions: ${toSpecloopError(error).message}` }),
      );
    }
    await this.#rows.setOutcome(state, made);
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(() => {
      this.#stop.signal.throwIfAborted();
      return work();
    });
    this.#turn = result.catch(() => undefined);
    return result;
  }

  #later(work: () => Promise<void>): void {
    void this.#inTurn(work).catch((error: unknown) => {
      if (!this.#stop.signal.aborted) this.#parts.logger.error({ err: error }, "a change could not be processed");
    });
  }
}
