import type { Kysely } from "kysely";
import type { Clock } from "../../foundation/clock.ts";
import type { Ledger } from "../ledger.ts";
import type { QuestionTables } from "../tables.ts";
import type { Kind, QuestionView } from "../types.ts";
import type { Item } from "./backlog.ts";
import type { OfferRows } from "./rows.ts";
import type { AgentWorkTables } from "./tables.ts";
import type { OfferedItem } from "./types.ts";
import type { WorkRows } from "./work-rows.ts";

interface Parts {
  ledger: Ledger;
  rows: OfferRows;
  work: WorkRows;
  clock: Clock;
}

/** Questions that are read when the daemon starts: what came before is for people. */
const READ_AT_START = 500;

/** Questions and work as agents are asked them, out of the database. */
export class Items {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Null for work that is not there. Throws `unknown_question`. */
  async read(id: string): Promise<Item | null> {
    const { ledger, work, rows, clock } = this.#parts;
    if (isWork(id)) return (await work.get(id))?.item ?? null;
    const view = await ledger.view(id, clock.now());
    return { ...questionItem(view), ...(await rows.terms(id)), before: await rows.before(id) };
  }

  /** The newest pending questions of these kinds, oldest first. */
  async pending(kinds: Kind[]): Promise<Item[]> {
    const { ledger, rows, clock } = this.#parts;
    const filter = { status: "pending" as const, kinds, after: null, limit: READ_AT_START, now: clock.now() };
    const { questions } = await ledger.page(filter);
    const oldestFirst = questions.toReversed();
    return Promise.all(
      oldestFirst.map(async (view) => {
        const { questionId } = view;
        return { ...questionItem(view), ...(await rows.terms(questionId)), before: await rows.before(questionId) };
      }),
    );
  }
}

/** Whether an id names work of another room and no question. */
export function isWork(id: string): boolean {
  return id.startsWith("w-");
}

/** What an agent is shown of an item that is its until `until`. */
export function shownItem(
  { id, subject, kind, change, choices, schema, before, askedAt }: Item,
  until: number,
): OfferedItem {
  return {
    questionId: id,
    text: subject.text,
    ...(kind !== null && { kind, change }),
    ...(choices && { choices }),
    ...(schema && { schema }),
    ...(before && before.length > 0 && { before }),
    askedAt,
    until,
  };
}

/** Whether an item still waits, as the transaction sees it. */
export async function isOpen(tx: Kysely<AgentWorkTables>, item: Item, now: number): Promise<boolean> {
  if (item.kind === null) {
    const query = tx.selectFrom("work").select("id").where("id", "=", item.id).where("state", "=", "open");
    return (await query.executeTakeFirst()) !== undefined;
  }
  const questions = tx as unknown as Kysely<QuestionTables>;
  const query = questions.selectFrom("questions").select("id").where("id", "=", item.id);
  return (await query.where("status", "=", "pending").where("expires_at", ">", now).executeTakeFirst()) !== undefined;
}

function questionItem(view: QuestionView): Omit<Item, "quorum" | "choices"> {
  const { questionId: id, text, kind, change, askedBy: asker, askedAt, expiresAt: deadline } = view;
  return {
    id,
    subject: { text, change, paths: [] },
    kind,
    change,
    needs: null,
    asker,
    schema: null,
    askedAt,
    deadline,
  };
}
