import type { Clock } from "../../foundation/clock.ts";
import { SpecloopError } from "../../foundation/errors.ts";
import type { Emitter } from "../../foundation/events.ts";
import type { Live } from "../../foundation/options.ts";
import { type Principal, principalLabel } from "../../foundation/principal.ts";
import type { QuestionOptions } from "../options.ts";
import type { OfferRows } from "./rows.ts";
import { MAX_LOAD, nameOf, type Presence, type Registration, type Worker, workerKey } from "./types.ts";

interface Dependencies {
  rows: OfferRows;
  events: Emitter;
  clock: Clock;
  options: Live<QuestionOptions>;
  /** Whether a person registered an agent of this name, so that only the holder of its token can be it. */
  hasToken(name: string): boolean;
}

const DEFAULT_LOAD = 3;
const MAX_WORKERS = 1000;
/** Characters of all capabilities of one agent together: every question is compared with those of every agent. */
const MAX_CHARACTERS = 4000;
/** An agent that was not heard of for so long is forgotten. */
const FORGET_MS = 30 * 86_400_000;

/** The agents that said what they can answer, and whether they are there. */
export class Registry {
  readonly #deps: Dependencies;
  readonly #workers = new Map<string, Worker>();
  /** When `seen_at` was written last, by worker. */
  readonly #saved = new Map<string, number>();

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies;
  }

  async load(): Promise<void> {
    const now = this.#deps.clock.now();
    const rows = await this.#deps.rows.workers();
    const forgotten = rows.filter(({ seenAt }) => now - seenAt > FORGET_MS).map(({ id }) => id);
    await this.#deps.rows.dropWorkers(forgotten);
    for (const row of rows) {
      if (forgotten.includes(row.id)) continue;
      const presence = this.#isLate(row.seenAt) ? "silent" : "present";
      this.#workers.set(row.id, { ...row, presence, ownLoad: 0 });
      this.#saved.set(row.id, row.seenAt);
    }
  }

  /** Registers an agent or changes what it said before. Throws `forbidden` for one that may not, `too_many_clients`. */
  async register(principal: Principal, { capabilities, kinds, maxLoad }: Registration): Promise<Worker> {
    this.#admit(principal);
    checkLength(capabilities);
    const id = workerKey(principal);
    await this.#makeRoom(id, this.#deps.hasToken(principal.name));
    const { clock, rows } = this.#deps;
    const known = this.#workers.get(id);
    const worker: Worker = {
      id,
      label: principalLabel(principal),
      capabilities: [...new Set(capabilities.map((word) => word.trim()))].filter(Boolean),
      kinds: kinds ?? null,
      maxLoad: Math.min(maxLoad ?? DEFAULT_LOAD, MAX_LOAD),
      registeredAt: known?.registeredAt ?? clock.now(),
      seenAt: clock.now(),
      presence: known?.presence ?? "gone",
      ownLoad: 0,
    };
    await rows.saveWorker(worker);
    this.#workers.set(id, worker);
    this.#saved.set(id, worker.seenAt);
    this.#become(worker, "present");
    return worker;
  }

  /** Every call of a registered agent says that it is there. Null for who is not registered. */
  heard(principal: Principal, ownLoad?: number): Worker | null {
    const worker = principal.kind === "agent" ? this.#workers.get(workerKey(principal)) : undefined;
    if (!worker) return null;
    worker.seenAt = this.#deps.clock.now();
    if (ownLoad !== undefined) worker.ownLoad = ownLoad;
    this.#become(worker, "present");
    return worker;
  }

  /** Agents whose `seenAt` is worth writing down again: a restart should know who was there a moment ago. */
  async save(): Promise<void> {
    const due = [...this.#workers.values()].filter(
      ({ id, seenAt }) => seenAt - (this.#saved.get(id) ?? 0) > this.#deps.options.current.agents.silentMs / 3,
    );
    for (const worker of due) {
      this.#saved.set(worker.id, worker.seenAt);
      await this.#deps.rows.saveWorker(worker);
    }
  }

  /** Its connection ended. */
  left(principal: Principal): Worker | null {
    const worker = this.#workers.get(workerKey(principal));
    if (worker) this.#become(worker, "gone");
    return worker ?? null;
  }

  /** Those of whom nothing was heard for too long, just now. */
  fallenSilent(): Worker[] {
    const late = [...this.#workers.values()].filter(
      ({ presence, seenAt }) => presence === "present" && this.#isLate(seenAt),
    );
    for (const worker of late) this.#become(worker, "silent");
    return late;
  }

  of(principal: Principal): Worker | null {
    return this.#workers.get(workerKey(principal)) ?? null;
  }

  byId(id: string): Worker | null {
    return this.#workers.get(id) ?? null;
  }

  all(): Worker[] {
    return [...this.#workers.values()];
  }

  /** Those who may be offered something now. */
  present(): Worker[] {
    const { tokenOnly } = this.#deps.options.current.agents;
    return this.all().filter(
      (worker) => worker.presence === "present" && (!tokenOnly || this.#deps.hasToken(nameOf(worker))),
    );
  }

  #admit(principal: Principal): void {
    const { enabled, tokenOnly } = this.#deps.options.current.agents;
    if (principal.kind !== "agent") {
      throw new SpecloopError("forbidden", `Only an agent is asked as one; ${principalLabel(principal)} is none.`, {
        fix: "Answer with `specloop answer ID TEXT`.",
      });
    }
    if (!enabled) {
      throw new SpecloopError("forbidden", "Questions are not offered to agents here.", {
        fix: "The person may set questions.agents.enabled in specloop.yaml.",
      });
    }
    if (tokenOnly && !this.#deps.hasToken(principal.name)) {
      throw new SpecloopError("forbidden", "Questions are offered only to agents with a token of their own here.", {
        target: principal.name,
        fix: "Ask the person for one: `specloop agent add NAME`.",
      });
    }
  }

  /** Clients without a token choose their names, so however many there are, they take no place from those with one. */
  async #makeRoom(id: string, hasToken: boolean): Promise<void> {
    if (this.#workers.has(id) || this.#workers.size < MAX_WORKERS) return;
    const leaves = (worker: Worker) =>
      worker.presence !== "present" || (hasToken && !this.#deps.hasToken(nameOf(worker)));
    const [oldest] = this.all()
      .filter(leaves)
      .toSorted((a, b) => Number(a.presence === "present") - Number(b.presence === "present") || a.seenAt - b.seenAt);
    if (!oldest) throw new SpecloopError("too_many_clients", `${MAX_WORKERS} agents are registered and present.`);
    await this.#deps.rows.dropWorkers([oldest.id]);
    this.#workers.delete(oldest.id);
    this.#saved.delete(oldest.id);
  }

  #isLate(seenAt: number): boolean {
    const { clock, options } = this.#deps;
    return clock.now() - seenAt > options.current.agents.silentMs;
  }

  #become(worker: Worker, presence: Presence): void {
    if (worker.presence === presence) return;
    worker.presence = presence;
    const { label, capabilities } = worker;
    this.#deps.events.emit("agent.presence_changed", { agent: label, state: presence, capabilities });
  }
}

export function notRegistered(principal: Principal): SpecloopError {
  return new SpecloopError("no_agent", `${principalLabel(principal)} is not registered to answer questions.`, {
    target: principal.name,
    fix: "Call agent_register with what you can answer first.",
  });
}

function checkLength(capabilities: string[]): void {
  const characters = capabilities.reduce((sum, capability) => sum + capability.length, 0);
  if (characters <= MAX_CHARACTERS) return;
  throw new SpecloopError("bad_input", `All capabilities together have at most ${MAX_CHARACTERS} characters.`, {
    target: "capabilities",
    fix: "Name topics in few words, or `*` for anything.",
  });
}
