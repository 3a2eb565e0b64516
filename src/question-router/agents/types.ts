import type { OfferState } from "./tables.ts";
import type { Kind } from "../types.ts";
import type { Principal } from "../../foundation/principal.ts";

export const MAX_CAPABILITIES = 50;
export const MAX_CAPABILITY = 200;
/** How many questions one agent may have at a time. */
export const MAX_LOAD = 20;

/** What an agent says when it registers. */
export interface Registration {
  /** Words that its questions are about (`authentication`, `postgres migrations`), or globs of documents. */
  capabilities: string[];
  kinds?: Kind[] | undefined;
  maxLoad?: number | undefined;
}

export type Presence = "present" | "silent" | "gone";

/** A registered agent as the desk knows it. */
export interface Worker {
  /** `workerKey`. */
  id: string;
  label: string;
  capabilities: string[];
  kinds: Kind[] | null;
  maxLoad: number;
  registeredAt: number;
  /** Epoch milliseconds at which it was heard of last. */
  seenAt: number;
  presence: Presence;
  /** What it says it is busy with besides, 0..maxLoad. */
  ownLoad: number;
}

/** A lease on one question or piece of work. */
export interface Offer {
  id: string;
  item: string;
  worker: string;
  label: string;
  slot: number;
  state: OfferState;
  offeredAt: number;
  until: number;
  closedAt: number | null;
  reason: string | null;
  text: string | null;
  why: string;
}

/** What an agent is shown of an offer: everything that it needs to answer. */
export type OfferedItem = {
  questionId: string;
  text: string;
  /** Absent for work of a workflow. */
  kind?: Kind;
  change?: string | null;
  choices?: string[];
  schema?: Record<string, unknown>;
  /** Of a follow-up: what was asked before it. */
  before?: string[];
  askedAt: number;
  /** Epoch milliseconds at which it goes to somebody else. */
  until: number;
};

/** One agent in a client of its own: the same client in two sessions is two. A name cannot hold the sign between them. */
export function workerKey({ name, session }: Principal): string {
  const who = encodeURIComponent(name.toWellFormed());
  return session === undefined ? who : `${who}#${session}`;
}

/** The principal's name of a worker. */
export function nameOf({ label }: Pick<Worker, "label">): string {
  return label.slice("agent:".length);
}
