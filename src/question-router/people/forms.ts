import { randomBytes } from "node:crypto";
import type { Store } from "../../adapters/store/index.ts";
import type { Clock } from "../../foundation/clock.ts";
import { SpecloopError } from "../../foundation/errors.ts";
import type { Live } from "../../foundation/options.ts";
import { type Principal, principalLabel } from "../../foundation/principal.ts";
import type { ClientForm, FilledForm } from "../../foundation/tool.ts";
import type { QuestionOptions } from "../options.ts";
import { type Kind, MAX_ANSWER, type QuestionView } from "../types.ts";
import { oneLine, visible } from "./plain.ts";
import type { PeopleTables } from "./tables.ts";

interface Dependencies {
  store: Store<PeopleTables>;
  clock: Clock;
  options: Live<QuestionOptions>;
}

/** How long a form may be filled in. */
const OPEN_MS = 600_000;
/** Characters of a question that a form shows. */
const SHOWN = 1500;

/**
 * Forms for the person at the client that asks. What comes back was sent by that client, which could have made it up, so
 * it never answers an `authority` question and never approves anything.
 */
export class Forms {
  readonly #deps: Dependencies;

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies;
  }

  /** Whether questions of this kind are shown to people in forms at all. */
  mayShow(kind: Kind): boolean {
    return kind !== "authority" && this.#deps.options.current.people.elicit === "auto";
  }

  /**
   * A form for a question that waits, kept so that it is answered once; null where people are not to be asked that way, or
   * this one is being asked or declined already.
   */
  async open(question: QuestionView, principal: Principal, waitMs: number): Promise<ClientForm | null> {
    if (question.status !== "pending" || !this.mayShow(question.kind)) return null;
    const { store, clock } = this.#deps;
    const now = clock.now();
    const id = `f-${randomBytes(16).toString("hex")}`;
    const isNew = await store.write(async (tx) => {
      const known = await tx
        .selectFrom("question_forms")
        .select("id")
        .where("question_id", "=", question.questionId)
        .where((build) =>
          build.or([
            build("outcome", "=", "decline"),
            build.and([build("client", "=", principalLabel(principal)), build("at", ">", now - OPEN_MS)]),
          ]),
        )
        .executeTakeFirst();
      if (known) return false;
      const row = { id, question_id: question.questionId, client: principalLabel(principal), at: now };
      await tx
        .insertInto("question_forms")
        .values({ ...row, closed_at: null, outcome: null })
        .execute();
      return true;
    });
    return isNew ? { id, message: messageOf(question, principal), ...FIELD, waitMs } : null;
  }

  /**
   * Takes a form back, once, and says which question it was for and what the person said; null where nothing was. Throws
   * `bad_input` for a form that was not given to this client, is too old or was taken before.
   */
  async close(filled: FilledForm, principal: Principal): Promise<{ questionId: string; text: string | null }> {
    const { store, clock } = this.#deps;
    const now = clock.now();
    const text = filled.action === "accept" ? (filled.text ?? "").trim() : "";
    const outcome = filled.action === "accept" && text === "" ? "cancel" : filled.action;
    const questionId = await store.write(async (tx) => {
      const form = await tx.selectFrom("question_forms").selectAll().where("id", "=", filled.id).executeTakeFirst();
      const isOpen = form && form.closed_at === null && now - form.at <= OPEN_MS;
      if (!isOpen || form.client !== principalLabel(principal)) throw notOpen();
      await tx
        .updateTable("question_forms")
        .set({ closed_at: now, outcome })
        .where("id", "=", form.id)
        .where("closed_at", "is", null)
        .execute();
      return form.question_id;
    });
    return { questionId, text: outcome === "accept" ? visible(text).slice(0, MAX_ANSWER) : null };
  }
}

const FIELD = { field: "answer", title: "Your answer", description: "Leave it or decline when you do not know." };

function messageOf({ text, kind, change }: QuestionView, principal: Principal): string {
  const about = change === null ? "" : ` about ${oneLine(change, 100)}`;
  const who = oneLine(principal.name, 60);
  return `${who} asks this project${about} (${kind}), and nothing in it answers:\n\n${visible(text).slice(0, SHOWN)}\n\nYour answer is kept and given to everybody who asks the same.`;
}

function notOpen(): SpecloopError {
  return new SpecloopError("bad_input", "This form was answered before, is too old, or was given to somebody else.", {
    target: "requestState",
    fix: "Ask the question again.",
  });
}
