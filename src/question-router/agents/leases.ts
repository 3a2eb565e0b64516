import type { Kysely } from "kysely";
import type { Clock } from "../../foundation/clock.ts";
import type { Emitter } from "../../foundation/events.ts";
import type { Live } from "../../foundation/options.ts";
import type { QuestionOptions } from "../options.ts";
import type { Backlog, Item } from "./backlog.ts";
import { choose, type Chosen } from "./choice.ts";
import { ENOUGH, matchOf } from "./matching.ts";
import type { Records } from "./records.ts";
import type { Registry } from "./registry.ts";
import type { Closing, OfferRows } from "./rows.ts";
import type { AgentWorkTables } from "./tables.ts";
import type { Offer, Worker } from "./types.ts";

interface Dependencies {
  rows: OfferRows;
  registry: Registry;
  records: Records;
  backlog: Backlog;
  events: Emitter;
  clock: Clock;
  options: Live<QuestionOptions>;
  /** Whether the item still waits, read in the transaction that leases it. */
  stillOpen: (tx: Kysely<AgentWorkTables>, item: Item) => Promise<boolean>;
}

/** What came of looking for agents: `why` says it to people. */
export interface Assigned {
  state: "leased" | "busy" | "nobody" | "exhausted";
  why: string;
}

/**
 * Who has which item. A lease is a row before it is told, so a restart knows it; who was silent about an item, declined
 * it or spoke is not asked about it again.
 */
export class Leases {
  readonly #deps: Dependencies;
  readonly #open = new Map<string, Offer>();
  /** Leases that are being written, by worker. */
  readonly #reserved = new Map<string, number>();
  /** Items that are being assigned: nobody else does it meanwhile. */
  readonly #assigning = new Set<string>();

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies;
  }

  async load(): Promise<void> {
    for (const offer of await this.#deps.rows.open()) this.#open.set(offer.id, offer);
  }

  all(): Offer[] {
    return [...this.#open.values()];
  }

  of(item: string): Offer[] {
    return this.all().filter((offer) => offer.item === item);
  }

  held(worker: string): Offer[] {
    return this.all().filter((offer) => offer.worker === worker);
  }

  /** How much an agent has to do, what it said itself included. */
  loadOf(worker: Worker): number {
    return this.held(worker.id).length + (this.#reserved.get(worker.id) ?? 0) + worker.ownLoad;
  }

  /** Leases the item to the best agents that are free, as many as it needs; only to `only` where given. */
  async assign(item: Item, only?: Worker): Promise<Assigned> {
    if (this.#assigning.has(item.id)) return { state: "leased", why: "agents are being asked" };
    const fit = this.#fit(item, only ? [only] : this.#deps.registry.present());
    if (fit.length === 0) return { state: "nobody", why: this.#whyNobody(item) };
    this.#assigning.add(item.id);
    try {
      return await this.#assign(item, fit);
    } finally {
      this.#assigning.delete(item.id);
    }
  }

  /** Ends a lease; false when it had ended already. */
  async close(offer: Offer, closing: Closing): Promise<boolean> {
    this.#open.delete(offer.id);
    if (!(await this.#deps.rows.close(offer.id, closing))) return false;
    this.#deps.records.ended({ ...offer, state: closing.state, closedAt: closing.at });
    if (closing.state === "returned" || closing.state === "declined") {
      const { item: questionId, label: from } = offer;
      this.#deps.events.emit("question.returned", { questionId, from, reason: closing.reason });
    }
    return true;
  }

  /** Keeps what an agent said as one voice of several, also when its lease is over. */
  async speak(offer: Offer, { text, at }: { text: string; at: number }): Promise<void> {
    this.#open.delete(offer.id);
    await this.#deps.rows.speak(offer.id, { text, at });
    this.#deps.records.ended({ ...offer, state: "answered", closedAt: at });
  }

  async #assign(item: Item, fit: { worker: Worker; score: number; why: string }[]): Promise<Assigned> {
    const { options, records } = this.#deps;
    const asked = await this.#deps.rows.ofItem(item.id);
    const refusals = asked.filter(
      ({ state, reason }) => state === "declined" || (state === "returned" && reason !== LEFT),
    );
    if (refusals.length >= options.current.agents.maxOffers + item.quorum - 1)
      return { state: "exhausted", why: `${refusals.length} agents were asked and none answered` };
    const engaged = asked.filter(({ state }) => state === "open" || state === "answered");
    const places = freePlaces(item.quorum, engaged);
    if (places.length === 0) return { state: "leased", why: "enough agents have it" };
    const before = new Set([...refusals, ...engaged].map(({ label }) => label));
    const fresh = fit.filter(({ worker }) => !before.has(worker.label));
    if (fresh.length === 0) return { state: "exhausted", why: "every agent that fits was asked" };
    const candidates = fresh.map(({ worker, score, why }) => ({
      worker,
      match: { score, why },
      record: records.of(worker),
      load: this.loadOf(worker),
    }));
    const chosen = differing(choose(candidates, options.current.agents.leaseMs));
    if (chosen.length === 0) return { state: "busy", why: `agents that fit are busy: ${fresh.length}` };
    const leased = await this.#leaseAll(item, places, chosen);
    // Closed, or never accepted: nobody has to look at it again.
    if (leased === 0 && this.of(item.id).length === 0) this.#deps.backlog.remove(item.id);
    return leased > 0
      ? { state: "leased", why: `offered to ${leased} of ${chosen.length} that fit` }
      : { state: "busy", why: "it was closed or taken meanwhile" };
  }

  async #leaseAll(item: Item, places: number[], chosen: Chosen[]): Promise<number> {
    let leased = 0;
    for (const [index, slot] of places.entries()) {
      const best = chosen[index];
      if (best && (await this.#lease(item, slot, best))) leased += 1;
    }
    return leased;
  }

  async #lease(item: Item, slot: number, { worker, why }: Chosen): Promise<boolean> {
    const { clock, options, rows, events, stillOpen } = this.#deps;
    const at = clock.now();
    const until = Math.min(at + options.current.agents.leaseMs, item.deadline);
    const { id, label } = worker;
    this.#reserved.set(id, (this.#reserved.get(id) ?? 0) + 1);
    try {
      const offer = { item: item.id, worker: id, label, slot, at, until, why };
      const leased = await rows.lease(offer, (tx) => stillOpen(tx, item));
      if (!leased) return false;
      this.#open.set(leased.id, leased);
      events.emit("question.offered", { questionId: item.id, to: label, until });
      return true;
    } finally {
      this.#reserved.set(id, this.#reserved.get(id)! - 1);
    }
  }

  #fit(item: Item, workers: Worker[]): { worker: Worker; score: number; why: string }[] {
    const { backlog } = this.#deps;
    return workers.flatMap((worker) => {
      if (worker.label === item.asker || worker.id === item.asker) return [];
      const { score, why } = fits(item, worker);
      if (score > 0) return [{ worker, score, why }];
      backlog.refuse(item.id, worker.id);
      return [];
    });
  }

  #whyNobody(item: Item): string {
    const present = this.#deps.registry.present();
    if (present.length === 0) return "no agent is registered and present";
    const needs = item.needs === null ? "has a capability that this question touches" : `can ${item.needs.join(", ")}`;
    return `none of ${present.length} present agents ${needs}`;
  }
}

/** Why leases end whose agent went away: it may be asked again when it is back. */
export const LEFT = "its connection ended";

function fits(item: Item, worker: Worker): { score: number; why: string } {
  if (item.needs !== null) {
    const able = new Set(worker.capabilities.map((word) => word.toLowerCase()));
    const missing = item.needs.find((need) => !able.has(need.trim().toLowerCase()));
    return missing === undefined ? { score: 1, why: item.needs.join(", ") } : { score: 0, why: `cannot ${missing}` };
  }
  if (item.kind !== null && worker.kinds !== null && !worker.kinds.includes(item.kind))
    return { score: 0, why: `does not answer ${item.kind} questions` };
  const match = matchOf(worker.capabilities, item.subject);
  return match.score >= ENOUGH || worker.capabilities.includes("*") ? match : { score: 0, why: match.why };
}

function freePlaces(quorum: number, engaged: Offer[]): number[] {
  const taken = new Set(engaged.map(({ slot }) => slot));
  return Array.from({ length: quorum }, (_, slot) => slot).filter((slot) => !taken.has(slot));
}

/** The same client in two sessions is one voice. */
function differing(chosen: Chosen[]): Chosen[] {
  const seen = new Set<string>();
  return chosen.filter(({ worker }) => !seen.has(worker.label) && seen.add(worker.label));
}
