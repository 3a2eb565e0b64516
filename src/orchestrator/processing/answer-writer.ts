import type { Clock } from "../../foundation/clock.ts";
import { SpecloopError, toSpecloopError } from "../../foundation/errors.ts";
import { gitBlobId } from "../../foundation/hash.ts";
import type { Logger } from "../../foundation/logger.ts";
import type { Live } from "../../foundation/options.ts";
import { principalLabel, type Principal } from "../../foundation/principal.ts";
import type { DeltaWriter } from "../merge/index.ts";
import type { OpenspecOptions } from "../options.ts";
import type { QuestionDesk } from "./port.ts";
import type { QuestionRow, QuestionRows } from "./question-rows.ts";
import { readText } from "./read-documents.ts";
import { withAnswer } from "./write-answer.ts";

interface Dependencies {
  worktree: string;
  rows: QuestionRows;
  desk: QuestionDesk;
  writer: DeltaWriter;
  clock: Clock;
  logger: Logger;
  options: Live<OpenspecOptions>;
}

/** Reads and writes of the same document that may cross before it is given up. */
const TRIES = 3;
const WRITER: Principal = { kind: "system", name: "processing" };

/** Puts answers below the questions that they were given to. */
export class AnswerWriter {
  readonly #deps: Dependencies;

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies;
  }

  /** What the router answered: a person's word is written down, anything else is a suggestion. */
  async take(row: QuestionRow, { text: answer, by: answered_by }: { text: string; by: string }): Promise<void> {
    // What came through a client's form may be that client's own word, so somebody takes it over first.
    const isPerson = answered_by.startsWith("person:") && !answered_by.startsWith("person:via ");
    const writes = isPerson && this.#deps.options.current.processing.writeAnswers === "person";
    const state = writes ? "answered" : "suggested";
    await this.#deps.rows.set(row.id, { state, answer, answered_by });
    if (writes) await this.write({ ...row, state, answer, answered_by });
  }

  /**
   * Answers a question here and now, in the router as well when it waits there. Only a person's answer is written; anybody
   * else's is a suggestion. Throws when it cannot be written.
   */
  async answer(row: QuestionRow, { text, principal }: { text: string; principal: Principal }): Promise<void> {
    if (text.trim() === "") throw new SpecloopError("bad_input", "The answer is empty.", { target: "answer" });
    if (principal.kind !== "person") return this.#suggest(row, text, principal);
    const answered = { ...row, answer: text, answered_by: principalLabel(principal) };
    await this.#write(answered, principal);
    await this.#deps.rows.set(row.id, { state: "written", answer: text, answered_by: answered.answered_by });
    await this.#tellRouter(row, text, principal);
  }

  /** So that nobody else is asked any more; a suggestion of the router itself is an answer there already. */
  async #tellRouter(row: QuestionRow, text: string, principal: Principal): Promise<void> {
    if (row.question_id === null) return;
    const { status } = await this.#deps.desk.get(row.question_id);
    if (status !== "pending") return;
    await this.#deps.desk.answer({ questionId: row.question_id, text, principal }).catch((error: unknown) => {
      // Somebody else was quicker there; here the answer stands.
      this.#deps.logger.info({ reason: toSpecloopError(error).message }, "the router had an answer already");
    });
  }

  /** What a person said already is not replaced by what somebody else suggests. */
  async #suggest(row: QuestionRow, answer: string, principal: Principal): Promise<void> {
    if (row.state === "written" || row.state === "answered") {
      throw new SpecloopError("already_answered", "A person has answered this question.", { target: row.path });
    }
    await this.#deps.rows.set(row.id, { state: "suggested", answer, answered_by: principalLabel(principal) });
  }

  /** A person takes a suggested answer over. */
  async accept(row: QuestionRow, principal: Principal): Promise<void> {
    if (row.answer === null || row.state !== "suggested") {
      throw new SpecloopError("bad_input", "No answer was suggested for this question.", {
        target: "accept",
        fix: "Ask it first, or answer it yourself.",
      });
    }
    await this.#write(row, principal);
    await this.#deps.rows.set(row.id, { state: "written" });
    await this.#tellRouter(row, row.answer, principal);
  }

  /** Writes what a person answered elsewhere; where that cannot be done now it is tried again when the change moves, and at the next start. */
  async write(row: QuestionRow): Promise<void> {
    try {
      await this.#write(row, WRITER);
      await this.#deps.rows.set(row.id, { state: "written" });
    } catch (thrown) {
      const { code, message } = toSpecloopError(thrown);
      this.#deps.logger.warn({ path: row.path, code, reason: message }, "an answer could not be written down");
    }
  }

  async #write(row: QuestionRow, principal: Principal): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#tryWrite(row, principal);
      } catch (error) {
        if (tries === TRIES || toSpecloopError(error).code !== "stale_revision") throw error;
      }
    }
  }

  async #tryWrite(row: QuestionRow, principal: Principal): Promise<void> {
    const { worktree, writer, clock, options } = this.#deps;
    const { path, text, change_id: change, question_id: question } = row;
    const read = await readText(worktree, path, options.current.maxFileBytes);
    const by = (row.answered_by ?? "").replace(/^[a-z]+:/, "");
    const day = new Date(clock.now()).toLocaleDateString("sv-SE");
    const content = read && withAnswer(read.text, { question: text, answer: row.answer ?? "", by, day });
    if (!read || content === null) {
      throw new SpecloopError("unknown_section", `${path} does not ask this question any more, or asks it twice.`, {
        target: path,
        fix: "Write the answer into the document with doc_update.",
      });
    }
    await writer.update({
      files: [{ path, edits: [{ kind: "write", content }], baseRevision: gitBlobId(read.bytes) }],
      reason: `Answer: ${text.slice(0, 60)}`,
      principal,
      origin: { change, ...(question !== null && { question }) },
    });
  }
}
