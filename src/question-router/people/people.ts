import type { Store } from "../../adapters/store/index.ts";
import type { Clock } from "../../foundation/clock.ts";
import { SpecloopError, toSpecloopError } from "../../foundation/errors.ts";
import type { Emitter } from "../../foundation/events.ts";
import type { Live } from "../../foundation/options.ts";
import type { Principal } from "../../foundation/principal.ts";
import type { ClientForm, FilledForm } from "../../foundation/tool.ts";
import { questionKey, toDraft } from "../key.ts";
import type { QuestionOptions } from "../options.ts";
import { policyOf } from "../routing-options.ts";
import type { QuestionTables, QuestionTelemetryTables } from "../tables.ts";
import {
  type Answer,
  type AnswerRequest,
  type AskRequest,
  type AskResult,
  type Hop,
  type Kind,
  MAX_WAIT_MS,
  type QuestionView,
  questionResource,
} from "../types.ts";
import { Forms } from "./forms.ts";
import { Inbox, type InboxPage } from "./inbox.ts";
import type { Notify } from "./notify.ts";
import type { AnswerWriter, OriginOf, Place, WrittenAnswer } from "./port.ts";
import { Reminders } from "./reminders.ts";
import type { PeopleTables } from "./tables.ts";
import { AnswerWriting } from "./writing.ts";
import type { DocumentSearch } from "../search/port.ts";

/** What the composition root hands in for people; all of it may be absent, and then that way is closed. */
export interface PeopleParts {
  writer?: AnswerWriter;
  originOf?: OriginOf;
  notify?: Notify;
}

interface Dependencies extends PeopleParts {
  store: Store<QuestionTables>;
  telemetry: Store<QuestionTelemetryTables>;
  index: DocumentSearch;
  events: Emitter;
  clock: Clock;
  options: Live<QuestionOptions>;
  /** The router's own ways. */
  view(questionId: string): Promise<QuestionView>;
  hops(questionId: string): Promise<Hop[]>;
  answer(request: AnswerRequest): Promise<{ questionId: string; answer: Answer }>;
}

interface PlacedAnswerRequest extends AnswerRequest {
  /** The document that the answer is written into; it is cited then. */
  into?: Place | undefined;
}

/** How people are reached, and what they say is taken: inbox, forms at the client, reminders, answers into documents. */
export class People {
  readonly #deps: Dependencies;
  readonly #forms: Forms;
  readonly #reminders: Reminders;
  readonly #inbox: Inbox;
  readonly #writing: AnswerWriting;
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies;
    const { store, writer = null, originOf = nowhere, notify = toNobody } = dependencies;
    this.#forms = new Forms({ ...dependencies, store: store.as<PeopleTables>() });
    this.#reminders = new Reminders({ ...dependencies, store: store.as<PeopleTables & QuestionTables>(), notify });
    this.#writing = new AnswerWriting({ ...dependencies, writer, originOf });
    const hops = async (id: string, askedAt: number) => [
      ...(await dependencies.hops(id)),
      ...(await this.#reminders.hops(id, askedAt)),
    ];
    this.#inbox = new Inbox({ ...dependencies, originOf, hops });
  }

  /** What waits for people, the most urgent first. */
  inbox(limit: number): Promise<InboxPage> {
    return this.#inbox.page(limit);
  }

  /** Pending questions that wait longer than until the first reminder, or expire within the hour. */
  overdue(): Promise<number> {
    return this.#reminders.overdue();
  }

  /** Reminds and escalates what is due. */
  tick(): Promise<void> {
    return this.#reminders.tick();
  }

  /** How people were told of a question. */
  told({ questionId, askedAt }: Pick<QuestionView, "questionId" | "askedAt">): Promise<Hop[]> {
    return this.#reminders.hops(questionId, askedAt);
  }

  /**
   * Answers a question, and writes the answer into a document where one is named: first the document, so that the answer
   * can cite it, and at most once however often this is tried. Errors: those of `QuestionRouter.answer` and of the
   * document manager; after either nothing is answered.
   */
  async answer(request: PlacedAnswerRequest): Promise<{ questionId: string; answer: Answer; written?: WrittenAnswer }> {
    const { into, ...plain } = request;
    if (!into) return this.#deps.answer(plain);
    return this.#inTurn(request.questionId, async () => {
      const question = await this.#mayAnswer(request);
      const { written, cites } = await this.#writing.write({ question, ...plain, into });
      const citations = [...(plain.citations ?? []), ...(cites ? [cites] : [])];
      try {
        return { ...(await this.#deps.answer({ ...plain, citations })), written };
      } catch (error) {
        throw keptIn(written, error);
      }
    });
  }

  /** Whether the person at a client may be shown questions of this kind. */
  mayShow(kind: Kind): boolean {
    return this.#forms.mayShow(kind);
  }

  /** The form for a question that waits; null where nobody is asked that way. `waitMs`: what the caller named. */
  async form(questionId: string, principal: Principal, waitMs: number | undefined): Promise<ClientForm | null> {
    return this.#forms.open(await this.#deps.view(questionId), principal, waitMs ?? MAX_WAIT_MS);
  }

  /**
   * Takes a form that came back with the same call. An answer counts as a person's, given through that client and named
   * so, because nothing proves who filled it in; a declined one leaves the question as it is.
   */
  async take(filled: FilledForm, request: AskRequest, principal: Principal): Promise<AskResult> {
    const { questionId, text } = await this.#forms.close(filled, principal);
    // By its words: the key of a follow-up, or of an asker with a narrower view, holds more than the request says.
    if (questionKey(await this.#deps.view(questionId)) !== toDraft(request).key) {
      throw new SpecloopError("bad_input", "The form belongs to another question.", { target: questionId });
    }
    if (text !== null) await this.#answerThrough(principal, questionId, text);
    const view = await this.#deps.view(questionId);
    const hops = await this.#deps.hops(questionId);
    if (view.answer) return { status: "answered", questionId, answer: view.answer, cached: false, ms: 0, hops };
    if (view.status === "expired") return { status: "expired", questionId };
    return { status: "pending", questionId, hops, resource: questionResource(questionId) };
  }

  async #answerThrough(client: Principal, questionId: string, text: string): Promise<void> {
    const { kind } = await this.#deps.view(questionId);
    if (!this.#forms.mayShow(kind)) {
      throw new SpecloopError("forbidden", `A question of kind "${kind}" is not answered in a form.`, {
        target: questionId,
      });
    }
    const person: Principal = { kind: "person", name: `${THROUGH}${client.name}`.slice(0, 200) };
    try {
      await this.#deps.answer({ questionId, text, principal: person });
    } catch (error) {
      // Somebody else was quicker: theirs stands, and it is what the caller gets.
      if (toSpecloopError(error).code !== "already_answered") throw error;
    }
  }

  /** Before anything is written; the same is asked again when the answer is put down. */
  async #mayAnswer({ questionId, principal, text }: AnswerRequest): Promise<QuestionView> {
    const question = await this.#deps.view(questionId);
    const answered = question.answer !== null;
    if (
      answered ||
      question.status !== "pending" ||
      !policyOf(this.#deps.options.current, question.kind).answerers.includes(principal.kind)
    ) {
      // The router refuses it with its own words.
      await this.#deps.answer({ questionId, principal, text });
    }
    return question;
  }

  /** Answers to one question, one after another: the second finds it answered before it writes anything. */
  async #inTurn<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#turns.get(key) ?? Promise.resolve();
    const mine = before.then(work, work);
    const settled = mine.catch(() => undefined);
    this.#turns.set(key, settled);
    try {
      return await mine;
    } finally {
      if (this.#turns.get(key) === settled) this.#turns.delete(key);
    }
  }
}

/** How a person is named whose answer came through a client's form: `person:via claude-code`. */
const THROUGH = "via ";

const nowhere: OriginOf = async () => null;
const toNobody: Notify = async () => {};

function keptIn({ path, message }: WrittenAnswer, thrown: unknown): SpecloopError {
  const error = toSpecloopError(thrown);
  return new SpecloopError(error.code, `${error.message} What was written stays: ${message}`, {
    target: path,
    ...(error.details && { details: error.details }),
    cause: thrown,
  });
}
