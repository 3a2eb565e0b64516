import type { Kysely, Selectable } from "kysely";
import { insertSealed, replaceSealed, updateSealed, type Store } from "../../adapters/store/index.ts";
import { newId } from "../../foundation/ids.ts";
import { contextOf, type ContextTables } from "../session/context-rows.ts";
import type { AgentWorkTables, OfferState } from "./tables.ts";
import type { Offer, Worker } from "./types.ts";

type Db = Kysely<AgentWorkTables>;
type OfferRow = Selectable<AgentWorkTables["offers"]>;

export interface NewOffer {
  item: string;
  worker: string;
  label: string;
  slot: number;
  at: number;
  until: number;
  why: string;
}

/** How an offer ended. */
export interface Closing {
  state: Exclude<OfferState, "open">;
  at: number;
  reason: string;
  text?: string;
}

/** Registered agents and what was offered to whom; every write is committed when its promise resolves. */
export class OfferRows {
  readonly #store: Store<AgentWorkTables>;

  constructor(store: Store<AgentWorkTables>) {
    this.#store = store;
  }

  async workers(): Promise<Omit<Worker, "presence" | "ownLoad">[]> {
    const rows = await this.#store.read.selectFrom("workers").selectAll().orderBy("registered_at").execute();
    return rows.map((row) => ({
      id: row.id,
      label: row.label,
      capabilities: JSON.parse(row.capabilities) as string[],
      kinds: row.kinds === null ? null : (JSON.parse(row.kinds) as Worker["kinds"]),
      maxLoad: row.max_load,
      registeredAt: row.registered_at,
      seenAt: row.seen_at,
    }));
  }

  async saveWorker(worker: Worker): Promise<void> {
    const row = {
      id: worker.id,
      label: worker.label,
      capabilities: JSON.stringify(worker.capabilities),
      kinds: worker.kinds && JSON.stringify(worker.kinds),
      max_load: worker.maxLoad,
      registered_at: worker.registeredAt,
      seen_at: worker.seenAt,
    };
    await this.#store.write((tx) => replaceSealed(tx, "workers", { key: ["id"], row }));
  }

  async dropWorkers(ids: string[]): Promise<void> {
    if (ids.length === 0) return;
    await this.#store.write((tx) => tx.deleteFrom("workers").where("id", "in", ids).execute());
  }

  /** Null when the place is taken, or the item is closed by now (`stillOpen` says no). */
  async lease(offer: NewOffer, stillOpen: (tx: Db) => Promise<boolean>): Promise<Offer | null> {
    return this.#store.write(async (tx) => {
      if (!(await stillOpen(tx))) return null;
      const taken = tx.selectFrom("offers").select("id").where("item", "=", offer.item);
      if (await taken.where("slot", "=", offer.slot).where("state", "=", "open").executeTakeFirst()) return null;
      const { item, worker, label, slot, why } = offer;
      const row = { item, worker, label, slot, state: "open" as const, offered_at: offer.at, until: offer.until, why };
      const whole = { id: newId("of"), ...row, closed_at: null, reason: null, text: null };
      await insertSealed(tx, "offers", whole);
      return toOffer({ ...whole, row_hash: "" });
    });
  }

  /** Whether it was open until now. */
  async close(id: string, { state, at, reason, text }: Closing): Promise<boolean> {
    const where = { id, state: "open" as const };
    const set = { state, closed_at: at, reason, text: text ?? null };
    return this.#store.write(async (tx) => (await updateSealed(tx, "offers", { where, set })) > 0);
  }

  async speak(id: string, { text, at }: { text: string; at: number }): Promise<void> {
    const set = { state: "answered" as const, closed_at: at, reason: "gave its voice", text };
    await this.#store.write((tx) => updateSealed(tx, "offers", { where: { id }, set }));
  }

  async open(): Promise<Offer[]> {
    const rows = await this.#store.read.selectFrom("offers").selectAll().where("state", "=", "open").execute();
    return rows.map(toOffer);
  }

  /** Everybody who was asked about an item, in order. */
  async ofItem(item: string): Promise<Offer[]> {
    const query = this.#store.read.selectFrom("offers").selectAll().where("item", "=", item);
    return (await query.orderBy("offered_at").orderBy("slot").limit(100).execute()).map(toOffer);
  }

  /** How the last offers to a worker ended, newest first. */
  async lastOf(worker: string, limit: number): Promise<Offer[]> {
    const query = this.#store.read.selectFrom("offers").selectAll().where("worker", "=", worker);
    const closed = query.where("state", "in", ["answered", "returned", "declined"]);
    return (await closed.orderBy("closed_at", "desc").limit(limit).execute()).map(toOffer);
  }

  /** What was asked before a follow-up question, oldest first. */
  async before(questionId: string): Promise<string[]> {
    const said = await contextOf(this.#store.as<ContextTables>().read, questionId);
    return said.map(({ question }) => question);
  }

  async terms(questionId: string): Promise<{ quorum: number; choices: string[] | null }> {
    const query = this.#store.read.selectFrom("question_terms").selectAll().where("question_id", "=", questionId);
    const row = await query.executeTakeFirst();
    if (!row) return { quorum: 1, choices: null };
    return { quorum: row.quorum, choices: row.choices === null ? null : (JSON.parse(row.choices) as string[]) };
  }
}

function toOffer(row: OfferRow): Offer {
  const { id, item, worker, label, slot, state, until, reason, text, why } = row;
  return {
    id,
    item,
    worker,
    label,
    slot,
    state,
    until,
    reason,
    text,
    why,
    offeredAt: row.offered_at,
    closedAt: row.closed_at,
  };
}
