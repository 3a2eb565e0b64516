import { toSpecloopError } from "../foundation/errors.ts";
import { submitAnswer } from "./answers.ts";
import { askLine } from "./ask-line.ts";
import type { CliContext } from "./context.ts";
import { Draft } from "./drafts.ts";
import { answeredView, itemView, questionText, type ShownInbox, type ShownItem } from "./views/inbox.ts";
import { forPeople } from "./wording.ts";

const MENU = "[a]nswer  [w]rite into a document  [e]ditor  [d]ecline  [s]kip  [q]uit > ";

/**
 * Goes through what waits, question by question. Each answer is with the daemon before the next question is shown, and one
 * that could not be sent is kept as a draft, so that Ctrl-C loses nothing.
 */
export async function walkInbox(context: CliContext, { items, total }: ShownInbox): Promise<void> {
  const { output } = context;
  let answered = 0;
  for (const [index, item] of items.entries()) {
    output.note(`\n${itemView(item, { number: index + 1, of: total }, output)}\n`);
    const outcome = await new Turn(context, item).take();
    if (outcome === "answered") answered += 1;
    if (outcome === "quit") break;
  }
  output.note(`${answered} answered, ${total - answered} still waiting.`);
}

type Outcome = "answered" | "skipped" | "quit";

/** One question with the person. */
class Turn {
  readonly #context: CliContext;
  readonly #item: ShownItem;
  readonly #draft: Draft;

  constructor(context: CliContext, item: ShownItem) {
    this.#context = context;
    this.#item = item;
    this.#draft = new Draft(context, item.questionId);
  }

  async take(): Promise<Outcome> {
    for (;;) {
      const chosen = (await this.#ask(MENU))?.trim().toLowerCase() ?? "q";
      if (chosen.startsWith("q")) return "quit";
      if (chosen.startsWith("s")) return "skipped";
      if (await this.#carryOut(chosen)) return "answered";
    }
  }

  /** Whether the question is answered now. */
  async #carryOut(chosen: string): Promise<boolean> {
    if (chosen.startsWith("a")) return this.#submit(await this.#ask("answer > "));
    if (chosen.startsWith("d")) return this.#decline();
    if (chosen.startsWith("e")) return this.#submit(await this.#edited());
    if (chosen.startsWith("w")) return this.#writeInto();
    return false;
  }

  async #writeInto(): Promise<boolean> {
    const suggested = this.#item.origin ?? this.#item.passages[0]?.path;
    const place = (await this.#ask(`document${suggested ? ` (${suggested})` : ""} > `))?.trim() || suggested;
    if (!place) return false;
    const typed = await this.#ask("answer (empty: editor) > ");
    return this.#submit(typed?.trim() ? typed : await this.#edited(), place);
  }

  async #decline(): Promise<boolean> {
    const reason = (await this.#ask("why not > "))?.trim();
    return reason ? this.#submit(`Declined: ${reason}`) : false;
  }

  async #submit(text: string | null, into?: string): Promise<boolean> {
    const { output } = this.#context;
    if (text === null || text.trim() === "") return false;
    try {
      const answer = await submitAnswer(this.#context, { questionId: this.#item.questionId, text, into });
      await this.#draft.discard();
      output.note(answeredView(answer.output, output));
      return true;
    } catch (thrown) {
      const error = toSpecloopError(thrown);
      const path = await this.#draft.keep(text);
      output.problem(`${error.message}\n  ${forPeople(error.fix, this.#context)}\n  Your answer is kept in ${path}.`);
      return error.code === "already_answered";
    }
  }

  async #edited(): Promise<string | null> {
    try {
      return await this.#draft.edit(questionText(this.#item));
    } catch (error) {
      this.#context.output.problem(toSpecloopError(error).message);
      return null;
    }
  }

  #ask(prompt: string): Promise<string | null> {
    return askLine(this.#context, prompt);
  }
}
