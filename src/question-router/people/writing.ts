import type { Clock } from "../../foundation/clock.ts";
import { SpecloopError, toSpecloopError } from "../../foundation/errors.ts";
import { type Principal, principalLabel } from "../../foundation/principal.ts";
import type { QuestionView } from "../types.ts";
import { asMarkdownText, visible } from "./plain.ts";
import type { AnswerWriter, OriginOf, Place, WrittenAnswer } from "./port.ts";

interface Dependencies {
  writer: AnswerWriter | null;
  originOf: OriginOf;
  clock: Clock;
}

export interface ToWrite {
  question: QuestionView;
  text: string;
  into: Place;
  principal: Principal;
}

/** What was written, and the place that the answer then cites: none while it waits for a person, or is yet to be written. */
export interface Written {
  written: WrittenAnswer;
  cites: Place | null;
}

/** Headings under which a document collects answers. */
const COLLECTS = /^(?:questions?\s*(?:and|&)\s*answers?|q\s*&\s*a|faq|frequently asked questions)$/i;
const HEADING = "Questions and answers";
/** Reads and writes of the same document that may cross before it is given up. */
const TRIES = 3;

/** Puts an answer into the document that somebody names. The same answer is written once, however often this is tried. */
export class AnswerWriting {
  readonly #deps: Dependencies;

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies;
  }

  /** Throws what the document manager throws: `unknown_document`, `unknown_section`, `forbidden`, `path_*`, `git_busy`. */
  async write(request: ToWrite): Promise<Written> {
    const { writer, originOf } = this.#deps;
    if (!writer) throw new SpecloopError("unsupported", "Nothing here writes documents.", { target: "into" });
    const origin = request.principal.kind === "person" ? await originOf(request.question.questionId) : null;
    const document = await writer.read(request.into.path);
    if (origin?.path === document.path) {
      const message = `It is written below the question in ${origin.path}.`;
      return { written: { path: origin.path, status: "with_question", message }, cites: null };
    }
    return this.#tryToWrite(writer, request);
  }

  async #tryToWrite(writer: AnswerWriter, request: ToWrite): Promise<Written> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#writeOnce(writer, request);
      } catch (error) {
        if (tries === TRIES || toSpecloopError(error).code !== "stale_revision") throw error;
      }
    }
  }

  async #writeOnce(writer: AnswerWriter, { question, text, into, principal }: ToWrite): Promise<Written> {
    const document = await writer.read(into.path);
    const { path, revision, content } = document;
    const block = this.#block(question, text, principal);
    const heading = into.heading ?? document.sections.find((section) => COLLECTS.test(section.heading))?.heading;
    const cites = { path, heading: heading ?? HEADING };
    if (content.replaceAll("\r\n", "\n").includes(block)) {
      return { written: { path, status: "unchanged", message: `${path} holds it already.` }, cites };
    }
    const edit =
      heading === undefined
        ? { kind: "write" as const, content: withSection(content, block) }
        : { kind: "append_to_section" as const, section: heading, content: block };
    const { change, questionId } = question;
    const result = await writer.update({
      files: [{ path, edits: [edit], baseRevision: revision }],
      reason: `Answer: ${visible(question.text).replaceAll(/\s+/g, " ").slice(0, 60)}`,
      principal,
      origin: { question: questionId, ...(change !== null && { change }) },
    });
    const { status, commit, branch, approval, message } = result;
    const where = { ...(commit !== null && { commit }), ...(branch !== null && { branch }) };
    const written = { path, status, ...where, ...(approval !== undefined && { approval }), message };
    return { written, cites: status === "proposed" ? null : cites };
  }

  /** The question as a list item and the answer as a quote below it, so that nothing in either becomes a section. */
  #block({ questionId, text: question }: QuestionView, answer: string, principal: Principal): string {
    const day = new Date(this.#deps.clock.now()).toLocaleDateString("sv-SE");
    const by = principal.kind === "person" ? principal.name : principalLabel(principal);
    const said = `**Answer** (${asMarkdownText(by, 100)}, ${day}, ${questionId}): ${visible(answer).trim()}`;
    const quote = said.split("\n").map((line) => `  > ${line}`.trimEnd());
    return [`- ${asMarkdownText(question, 500)}`, ...quote].join("\n");
  }
}

/** The document with a section of answers at its end, in its own line ends. */
function withSection(content: string, block: string): string {
  const lineEnd = content.includes("\r\n") ? "\r\n" : "\n";
  const level = /^# /m.test(content) || content.trim() === "" ? "##" : (/^(#{1,6}) /m.exec(content)?.[1] ?? "##");
  const section = `${level} ${HEADING}\n\n${block}\n`.replaceAll("\n", lineEnd);
  const before = content.trimEnd();
  return before === "" ? section : `${before}${lineEnd}${lineEnd}${section}`;
}
