import type { Clock } from "../foundation/clock.ts";
import { SpecloopError } from "../foundation/errors.ts";
import { newId } from "../foundation/ids.ts";
import type { Live } from "../foundation/options.ts";
import { type Principal, principalLabel } from "../foundation/principal.ts";
import type { Draft } from "./flights.ts";
import type { NewAnswer, NewQuestion } from "./insert.ts";
import type { Ledger, OpenQuestion, Recording } from "./ledger.ts";
import type { QuestionOptions } from "./options.ts";
import { policyOf } from "./routing-options.ts";
import type { Gist } from "./similar/gist.ts";
import type { Answer } from "./types.ts";

interface Dependencies {
  ledger: Ledger;
  clock: Clock;
  options: Live<QuestionOptions>;
  /** Called with the time at which a new question expires. */
  due: (at: number) => void;
}

/** What is to be accepted, and who is told of its id. */
interface Request {
  draft: Draft;
  gist: Gist | null;
  principal: Principal;
  record: Recording;
  accepted: (questionId: string) => void;
}

/** An answer as it is kept, and whether it is the one that was found here. */
export interface Stored {
  answer: Answer;
  mine: boolean;
}

export interface Accepting {
  id: string;
  expiresAt: number;
  isPending(): boolean;
  /** Resolves when the question is kept as pending. */
  pending(): Promise<void>;
  answered(answer: NewAnswer): Promise<Stored>;
}

const HOUR = 3_600_000;

/** The two ways in which a question becomes durable, whichever comes first; `known` is one that waits already. */
export function accept(
  { ledger, clock, options, due }: Dependencies,
  request: Request,
  known: OpenQuestion | null,
): Accepting {
  const { record, accepted } = request;
  const question = known === null ? newQuestion(request, clock.now(), options.current) : null;
  const id = question?.id ?? known!.id;
  const expiresAt = question?.expiresAt ?? known!.expiresAt;
  let pending: Promise<void> | null = known === null ? null : Promise.resolve();
  return {
    id,
    expiresAt,
    isPending: () => pending !== null,
    pending: async () => {
      const { maxPending } = options.current;
      pending ??= ledger.accept(question!, record, maxPending).then(() => due(expiresAt));
      await pending;
      accepted(id);
    },
    answered: async (answer: NewAnswer) => {
      const given = { answer, at: clock.now() };
      const stored =
        pending || !question
          ? await settleOrKeep(ledger, id, given)
          : { answer: await ledger.acceptAnswered(question, given, record), mine: true };
      accepted(id);
      return stored;
    },
  };
}

function newQuestion({ draft, gist, principal }: Request, askedAt: number, options: QuestionOptions): NewQuestion {
  const { text, kind, change, key, quorum = 1, choices = null } = draft;
  const ms = draft.deadlineMs ?? policyOf(options, kind).deadlineMs ?? options.expireHours * HOUR;
  const expiresAt = Math.round(askedAt + ms);
  const terms = quorum > 1 || choices ? { quorum, choices } : null;
  return { id: newId("q"), text, kind, change, key, asker: principalLabel(principal), askedAt, expiresAt, terms, gist };
}

/** A person or agent may have answered while the ladder was climbed: then their answer stands. */
async function settleOrKeep(ledger: Ledger, id: string, given: { answer: NewAnswer; at: number }): Promise<Stored> {
  try {
    return { answer: await ledger.settle(id, given, async () => {}), mine: true };
  } catch (error) {
    if (error instanceof SpecloopError && error.code === "already_answered")
      return { answer: error.details?.["answer"] as Answer, mine: false };
    throw error;
  }
}
