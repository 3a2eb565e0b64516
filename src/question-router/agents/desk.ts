import type { Kysely } from "kysely";
import type { Store } from "../../adapters/store/index.ts";
import type { Clock } from "../../foundation/clock.ts";
import { SpecloopError } from "../../foundation/errors.ts";
import type { EventBus } from "../../foundation/events.ts";
import type { Logger } from "../../foundation/logger.ts";
import type { Live } from "../../foundation/options.ts";
import { type Principal, principalLabel } from "../../foundation/principal.ts";
import type { Ledger } from "../ledger.ts";
import type { QuestionOptions } from "../options.ts";
import { policyOf } from "../routing-options.ts";
import type { QuestionTables } from "../tables.ts";
import { KINDS } from "../types.ts";
import { Waiters } from "../waiters.ts";
import { Backlog, type Item } from "./backlog.ts";
import { isOpen, isWork, Items, shownItem } from "./items.ts";
import { type Assigned, Leases, LEFT } from "./leases.ts";
import { followEvents } from "./listen.ts";
import { Records } from "./records.ts";
import { notRegistered, Registry } from "./registry.ts";
import { OfferRows } from "./rows.ts";
import type { AgentWorkTables } from "./tables.ts";
import { WorkRows } from "./work-rows.ts";
import { type Offer, type OfferedItem, type Registration, type Worker, workerKey } from "./types.ts";
import { within } from "../deadline.ts";

export interface DeskDependencies {
  store: Store<QuestionTables>;
  ledger: Ledger;
  events: EventBus;
  clock: Clock;
  logger: Logger;
  options: Live<QuestionOptions>;
  hasToken(name: string): boolean;
}

const TICK_MS = 1000;

/**
 * Where agents register, are offered questions and work, and give them back. One item is with one agent at a time (or
 * with as many as its quorum says); what is not answered in its time goes to the next one. An item that nobody can take
 * now waits here until an agent is free.
 */
export class AgentDesk {
  readonly #deps: DeskDependencies;
  readonly #life = new AbortController();
  readonly #subscriptions = new DisposableStack();
  readonly #offered = new Waiters();
  /** Called when nobody more can be asked about an item. */
  readonly #rounds = new Map<string, (why: string) => void>();
  readonly rows: OfferRows;
  readonly work: WorkRows;
  readonly registry: Registry;
  readonly records: Records;
  readonly backlog = new Backlog();
  readonly #items: Items;
  readonly leases: Leases;
  #closing = false;
  #ticking: Promise<void> | null = null;

  constructor(dependencies: DeskDependencies) {
    this.#deps = dependencies;
    const { store, events, clock, options } = dependencies;
    this.rows = new OfferRows(store.as<AgentWorkTables>());
    this.work = new WorkRows(store.as<AgentWorkTables>());
    this.#items = new Items({ ledger: dependencies.ledger, rows: this.rows, work: this.work, clock });
    this.records = new Records({ store, rows: this.rows });
    const { rows, records, backlog } = this;
    this.registry = new Registry({ rows, events, clock, options, hasToken: (name) => dependencies.hasToken(name) });
    const stillOpen = (tx: Kysely<AgentWorkTables>, item: Item) => isOpen(tx, item, clock.now());
    this.leases = new Leases({ rows, registry: this.registry, records, backlog, events, clock, options, stillOpen });
  }

  /** Takes up the leases of before a restart: those whose time passed are returned, the others go on. */
  async start(signal: AbortSignal): Promise<void> {
    await this.registry.load();
    await this.records.load();
    for (const worker of this.registry.all()) await this.records.loadWorker(worker);
    await this.leases.load();
    const close = () => (this.#closing = true);
    signal.addEventListener("abort", close, { once: true });
    this.#subscriptions.defer(() => signal.removeEventListener("abort", close));
    this.#listen();
    await this.#settleOld();
    await this.#loadBacklog();
    this.#ticking = this.#tick();
  }

  /** The daemon is on its way down: what is leased now is still leased after the next start. */
  get closing(): boolean {
    return this.#closing;
  }

  async register(principal: Principal, registration: Registration): Promise<Worker> {
    const worker = await this.registry.register(principal, registration);
    await this.records.loadWorker(worker);
    this.backlog.forget(worker.id);
    await this.#fill(worker);
    return worker;
  }

  /** The agent is there; resolves with what is offered to it, after waiting up to `waitMs` for anything. */
  async heartbeat(
    principal: Principal,
    { waitMs = 0, load, signal }: { waitMs?: number | undefined; load?: number | undefined; signal?: AbortSignal },
  ): Promise<OfferedItem[]> {
    const worker = this.registry.heard(principal, load);
    if (!worker) throw notRegistered(principal);
    await this.#fill(worker);
    using waiting = this.#offered.on(worker.id);
    const held = await this.offeredTo(principal);
    if (held.length > 0 || waitMs <= 0 || this.#closing) return held;
    await within(this.#deps.clock, waitMs, waiting.closed, signal);
    this.registry.heard(principal, load);
    return this.offeredTo(principal);
  }

  /** What is leased to this agent now, the most urgent first. */
  async offeredTo(principal: Principal): Promise<OfferedItem[]> {
    const held = this.leases.held(workerKey(principal)).toSorted((a, b) => a.until - b.until);
    const shown = await Promise.all(held.map((offer) => this.#shown(offer)));
    return shown.flatMap((item) => item ?? []);
  }

  /** Gives an item back, so that the next agent is asked at once. `unknown_question` when it is not this agent's. */
  async decline(principal: Principal, item: string, reason: string): Promise<void> {
    const offer = this.leases.held(workerKey(principal)).find((held) => held.item === item);
    if (!offer) {
      throw new SpecloopError("unknown_question", `${item} is not offered to ${principalLabel(principal)}.`, {
        target: item,
        fix: "Call agent_heartbeat for what is offered to you.",
      });
    }
    await this.leases.close(offer, { state: "declined", at: this.#deps.clock.now(), reason });
    await this.#next(item);
    const worker = this.registry.of(principal);
    if (worker) await this.#fill(worker);
  }

  /**
   * Offers an item and resolves when nobody more can be asked about it, with the reason; at once when nobody fits or all
   * are busy. Somebody's answer closes it from outside: then `signal` is aborted.
   */
  async ask(asked: Omit<Item, "askedAt"> & { askedAt?: number }, signal: AbortSignal): Promise<string> {
    signal.throwIfAborted();
    const item = { askedAt: this.#deps.clock.now(), ...asked };
    if (!this.#deps.options.current.agents.enabled) return "switched off by questions.agents.enabled";
    this.backlog.add(item);
    const { state, why } = await this.leases.assign(item);
    if (state !== "leased") return why;
    const over = Promise.withResolvers<string>();
    this.#rounds.set(item.id, over.resolve);
    const abort = () => over.reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    try {
      signal.throwIfAborted();
      return await over.promise;
    } finally {
      signal.removeEventListener("abort", abort);
      if (this.#rounds.get(item.id) === over.resolve) this.#rounds.delete(item.id);
    }
  }

  /** Nobody needs an answer from agents any more: ends what is leased of it. `by` is the label of who answered. */
  async close(item: string, why: { by: string | null; reason: string }): Promise<void> {
    this.backlog.remove(item);
    const at = this.#deps.clock.now();
    for (const offer of this.leases.of(item)) {
      const state = offer.label === why.by ? ("answered" as const) : ("withdrawn" as const);
      await this.leases.close(offer, { state, at, reason: state === "answered" ? "answered" : why.reason });
      const worker = this.registry.byId(offer.worker);
      if (worker) await this.#fill(worker);
    }
  }

  /** Ends the round of an item: people decide. */
  endRound(item: string, why: string): void {
    this.backlog.remove(item);
    this.#rounds.get(item)?.(why);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing = true;
    this.#subscriptions.dispose();
    this.#life.abort();
    this.#offered.wakeAll();
    await this.#ticking;
  }

  #listen(): void {
    this.#subscriptions.use(
      followEvents(this.#deps.events, {
        heard: (principal) => this.registry.heard(principal),
        offered: (item) => this.#tell(item),
        left: (principal) => this.#safely(() => this.#left(principal)),
        closed: (item, why) => this.#safely(() => this.close(item, why)),
        kept: (item) => this.#safely(() => this.#keep(item)),
        judged: (answerId, verdict) => this.#safely(() => this.records.judged(answerId, verdict)),
      }),
    );
  }

  #tell(item: string): void {
    for (const { worker } of this.leases.of(item)) this.#offered.wake(worker);
  }

  /** What hangs on an event has nobody who waits for it. */
  #safely(work: () => Promise<void>): void {
    if (this.#closing) return;
    work().catch((error: unknown) => {
      if (!this.#closing) this.#deps.logger.error({ err: error }, "agents could not be told");
    });
  }

  async #left(principal: Principal): Promise<void> {
    const worker = this.registry.left(principal);
    if (worker) await this.#returnAll(this.leases.held(worker.id), LEFT);
  }

  async #tick(): Promise<void> {
    const { clock, logger } = this.#deps;
    while (!this.#life.signal.aborted) {
      try {
        await clock.sleep(TICK_MS, this.#life.signal);
        await this.#sweep();
      } catch (error) {
        if (!this.#life.signal.aborted) logger.error({ err: error }, "leases could not be looked after");
      }
    }
  }

  async #sweep(): Promise<void> {
    const { clock, options } = this.#deps;
    const now = clock.now();
    const seconds = (options.current.agents.leaseMs / 1000).toFixed(0);
    const due = this.leases.all().filter(({ until }) => until <= now);
    await this.#returnAll(due, `no answer within ${seconds} s`);
    for (const worker of this.registry.fallenSilent())
      await this.#returnAll(this.leases.held(worker.id), "nothing was heard of it");
    await this.registry.save();
  }

  async #returnAll(offers: Offer[], reason: string): Promise<void> {
    const at = this.#deps.clock.now();
    for (const offer of offers) await this.leases.close(offer, { state: "returned", at, reason });
    for (const item of new Set(offers.map((offer) => offer.item))) await this.#next(item);
  }

  /** Asks the next agent about an item that came back. */
  async #next(id: string): Promise<void> {
    const item = this.backlog.get(id);
    const assigned: Assigned = item
      ? await this.leases.assign(item)
      : { state: "nobody", why: "nobody waits for agents any more" };
    if (assigned.state === "leased" || this.leases.of(id).length > 0) return;
    this.#rounds.get(id)?.(assigned.why);
  }

  /** Gives a free agent what waits for one like it. */
  async #fill(worker: Worker): Promise<void> {
    if (this.#closing || !this.registry.present().includes(worker)) return;
    for (const item of this.backlog.for(worker.id)) {
      if (this.leases.loadOf(worker) >= worker.maxLoad) return;
      const { state } = await this.leases.assign(item, worker);
      if (state === "exhausted") this.backlog.refuse(item.id, worker.id);
    }
  }

  /** Leases of questions that were closed in the moment of a crash. */
  async #settleOld(): Promise<void> {
    const { ledger, clock } = this.#deps;
    for (const offer of this.leases.all()) {
      if (isWork(offer.item)) continue;
      const view = await ledger.view(offer.item, clock.now());
      if (view.status !== "pending")
        await this.close(offer.item, { by: view.answer?.by ?? null, reason: `it was ${view.status}` });
    }
  }

  async #loadBacklog(): Promise<void> {
    const { current } = this.#deps.options;
    const kinds = KINDS.filter((kind) => policyOf(current, kind).ladder.includes("agent"));
    for (const item of await this.#items.pending(kinds)) this.backlog.add(item);
    for (const worker of this.registry.present()) await this.#fill(worker);
  }

  /** A question that nobody answered waits for agents that come; normally it is here since they were looked for. */
  async #keep(id: string): Promise<void> {
    if (this.backlog.get(id)) return;
    const item = await this.#items.read(id);
    const asksAgents = item?.kind && policyOf(this.#deps.options.current, item.kind).ladder.includes("agent");
    if (item && asksAgents) this.backlog.add(item);
  }

  async #shown({ item: id, until }: Offer): Promise<OfferedItem | null> {
    const item = this.backlog.get(id) ?? (await this.#items.read(id));
    return item && shownItem(item, until);
  }
}
