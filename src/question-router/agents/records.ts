import type { Store } from "../../adapters/store/index.ts";
import type { QuestionTables } from "../tables.ts";
import type { Verdict } from "../types.ts";
import { type Record, smoothed } from "./choice.ts";
import type { OfferRows } from "./rows.ts";
import type { Offer, Worker } from "./types.ts";

/** Offers of each agent that count for its latency and reliability: what it did long ago says little. */
const REMEMBERED = 50;

/** How the agents did: what was judged of their answers, and what became of the offers to them. */
export class Records {
  readonly #store: Store<QuestionTables>;
  readonly #rows: OfferRows;
  readonly #judged = new Map<string, { useful: number; wrong: number }>();
  readonly #offered = new Map<string, Pick<Record, "answered" | "silent" | "latencyMs">>();

  constructor(parts: { store: Store<QuestionTables>; rows: OfferRows }) {
    this.#store = parts.store;
    this.#rows = parts.rows;
  }

  /** Reads the verdicts of all agents' answers. */
  async load(): Promise<void> {
    const rows = await this.#store.read
      .selectFrom("answers")
      .select(["author", "verdict", (row) => row.fn.countAll<number>().as("n")])
      .where("route", "=", "agent")
      .where("verdict", "is not", null)
      .groupBy(["author", "verdict"])
      .execute();
    for (const { author, verdict, n } of rows) this.#count(author, verdict!, n);
  }

  async loadWorker({ id }: Worker): Promise<void> {
    if (this.#offered.has(id)) return;
    this.#offered.set(id, { answered: 0, silent: 0, latencyMs: null });
    for (const offer of (await this.#rows.lastOf(id, REMEMBERED)).toReversed()) this.ended(offer);
  }

  /** Counts a verdict on one of its answers. */
  async judged(answerId: string, verdict: Verdict): Promise<void> {
    const query = this.#store.read.selectFrom("answers").select(["author", "route"]).where("id", "=", answerId);
    const answer = await query.executeTakeFirst();
    if (answer?.route === "agent") this.#count(answer.author, verdict, 1);
  }

  /** Counts how an offer ended; what was withdrawn says nothing about the agent, and saying no is no silence. */
  ended({ worker, state, offeredAt, closedAt }: Pick<Offer, "worker" | "state" | "offeredAt" | "closedAt">): void {
    const known = this.#offered.get(worker) ?? { answered: 0, silent: 0, latencyMs: null };
    if (state === "returned") known.silent += 1;
    if (state === "answered") {
      known.answered += 1;
      known.latencyMs = smoothed(known.latencyMs, Math.max(0, (closedAt ?? offeredAt) - offeredAt));
    }
    this.#offered.set(worker, known);
  }

  of({ id, label }: Worker): Record {
    const judged = this.#judged.get(label) ?? { useful: 0, wrong: 0 };
    return { ...judged, ...(this.#offered.get(id) ?? { answered: 0, silent: 0, latencyMs: null }) };
  }

  /** `outdated` says that it was right once. Several agents may have given one answer together. */
  #count(author: string, verdict: Verdict, times: number): void {
    for (const label of author.split(", ")) {
      const known = this.#judged.get(label) ?? { useful: 0, wrong: 0 };
      if (verdict === "useful") known.useful += times;
      if (verdict === "wrong") known.wrong += times;
      this.#judged.set(label, known);
    }
  }
}
