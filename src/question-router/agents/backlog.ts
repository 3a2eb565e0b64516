import type { Kind } from "../types.ts";
import type { Subject } from "./matching.ts";

/** What agents are asked: a question, or work of another room. */
export interface Item {
  id: string;
  subject: Subject;
  /** Null for work. */
  kind: Kind | null;
  change: string | null;
  /** Every one of these has to be among an agent's; null for questions, which are matched by their words. */
  needs: string[] | null;
  /** `workerKey` or label of who asks: nobody is asked their own question. */
  asker: string;
  quorum: number;
  choices: string[] | null;
  schema: Record<string, unknown> | null;
  /** Questions that were asked before it in its session, oldest first. */
  before?: string[] | undefined;
  askedAt: number;
  /** Epoch milliseconds. */
  deadline: number;
}

interface Entry {
  item: Item;
  /** Agents that were looked at and cannot take it, so that they need not be looked at again. */
  unfit: Set<string>;
}

/** Older ones still wait for people, and for agents that look for them with question_list. */
const MAX_ITEMS = 1000;

/** What waits for an agent that is free, the newest items only. */
export class Backlog {
  readonly #entries = new Map<string, Entry>();

  add(item: Item): void {
    if (this.#entries.has(item.id)) return;
    this.#entries.set(item.id, { item, unfit: new Set() });
    if (this.#entries.size <= MAX_ITEMS) return;
    // The first question in the order of arrival; work has somebody who waits for it and stays.
    for (const [id, { item: old }] of this.#entries) {
      if (old.kind === null) continue;
      this.#entries.delete(id);
      return;
    }
  }

  get(id: string): Item | null {
    return this.#entries.get(id)?.item ?? null;
  }

  remove(id: string): void {
    this.#entries.delete(id);
  }

  /** This agent cannot take it, as both are now. */
  refuse(id: string, worker: string): void {
    this.#entries.get(id)?.unfit.add(worker);
  }

  /** What this agent was not found unfit for, oldest first. */
  for(worker: string): Item[] {
    return [...this.#entries.values()].filter(({ unfit }) => !unfit.has(worker)).map(({ item }) => item);
  }

  /** It can do other things from now on. */
  forget(worker: string): void {
    for (const { unfit } of this.#entries.values()) unfit.delete(worker);
  }
}
