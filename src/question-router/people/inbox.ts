import type { Store } from "../../adapters/store/index.ts";
import type { Clock } from "../../foundation/clock.ts";
import type { Live } from "../../foundation/options.ts";
import type { QuestionOptions } from "../options.ts";
import { policyOf } from "../routing-options.ts";
import type { DocumentSearch } from "../search/port.ts";
import { type QuestionRow, toView } from "../rows.ts";
import { contextOf, type Said } from "../session/context-rows.ts";
import type { QuestionTables, QuestionTelemetryTables } from "../tables.ts";
import { type Hop, type Kind, KINDS, type QuestionView } from "../types.ts";
import { oneLine } from "./plain.ts";
import type { OriginOf } from "./port.ts";

interface Dependencies {
  store: Store<QuestionTables>;
  telemetry: Store<QuestionTelemetryTables>;
  index: DocumentSearch;
  originOf: OriginOf;
  clock: Clock;
  options: Live<QuestionOptions>;
  hops: (questionId: string, askedAt: number) => Promise<Hop[]>;
}

/** One question that waits for a person. (A type, not an interface: tools hand it through schemas that are open.) */
export type InboxItem = Omit<QuestionView, "answer" | "verdict" | "status"> & {
  /** Different principals that asked it. */
  waiting: number;
  /** When it has to be answered: `soon` within an hour, `today` within a day. */
  due: "soon" | "today" | "later";
  /** The document that asks it and gets the answer by itself. */
  origin: string | null;
  hops: Hop[];
  /** What was said in the session before it, oldest first; empty for a question that is no follow-up. */
  before: Said[];
  /** Sections that come near, best first. */
  passages: { path: string; heading: string; startLine: number; endLine: number; excerpt: string }[];
};

export interface InboxPage {
  items: InboxItem[];
  /** All that wait. */
  total: number;
}

const HOUR_MS = 3_600_000;
/** Rows that are ordered; an inbox that is longer shows the oldest of them. */
const MOST = 2000;
const PASSAGES = 3;
const EXCERPT = 240;
/** Who may do something holds up more than who wants to know something. */
const WEIGHT: Record<Kind, number> = { authority: 0, decision: 1, how_to: 2, fact: 3, status: 4 };
const DUE = { soon: 0, today: 1, later: 2 };

/** What waits for people, the most urgent first: by deadline, kind, how many wait, change, age. */
export class Inbox {
  readonly #deps: Dependencies;

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies;
  }

  async page(limit: number): Promise<InboxPage> {
    const now = this.#deps.clock.now();
    const rows = await this.#rows(now);
    const waiting = await this.#waiting(rows.map(({ id }) => id));
    const ordered = rows
      .map((row) => ({ row, waiting: waiting.get(row.id) ?? 1, due: dueOf(row.expires_at - now) }))
      .toSorted(
        (a, b) =>
          DUE[a.due] - DUE[b.due] ||
          WEIGHT[a.row.kind] - WEIGHT[b.row.kind] ||
          b.waiting - a.waiting ||
          (a.row.change_id ?? "\uffff").localeCompare(b.row.change_id ?? "\uffff") ||
          a.row.asked_at - b.row.asked_at,
      );
    const items = await Promise.all(ordered.slice(0, limit).map((entry) => this.#item(entry, now)));
    return { items, total: rows.length };
  }

  #rows(now: number): Promise<QuestionRow[]> {
    const kinds = KINDS.filter((kind) => policyOf(this.#deps.options.current, kind).answerers.includes("person"));
    return this.#deps.store.read
      .selectFrom("questions")
      .selectAll()
      .where("status", "=", "pending")
      .where("expires_at", ">", now)
      .where("kind", "in", kinds)
      .orderBy("asked_at")
      .limit(MOST)
      .execute();
  }

  /** How many different principals asked each of these. */
  async #waiting(ids: string[]): Promise<Map<string, number>> {
    const found = new Map<string, number>();
    for (let at = 0; at < ids.length; at += 500) {
      const rows = await this.#deps.telemetry.read
        .selectFrom("question_asks")
        .select(({ fn }) => ["question_id", fn.count<number | string>("asker").distinct().as("askers")])
        .where("question_id", "in", ids.slice(at, at + 500))
        .groupBy("question_id")
        .execute();
      for (const { question_id, askers } of rows) found.set(question_id, Number(askers));
    }
    return found;
  }

  async #item(
    { row, waiting, due }: { row: QuestionRow; waiting: number; due: InboxItem["due"] },
    now: number,
  ): Promise<InboxItem> {
    const { originOf, hops, store } = this.#deps;
    const { answer: _answer, verdict: _verdict, status: _status, ...view } = toView(row, null, now);
    const before = await contextOf(store.read, row.id);
    const whole = [...before.map(({ question }) => question), view.text].join("\n");
    const [origin, tried, passages] = await Promise.all([
      originOf(row.id),
      hops(row.id, row.asked_at),
      this.#passages({ text: whole, change: view.change }),
    ]);
    return { ...view, waiting, due, origin: origin?.path ?? null, hops: tried, before, passages };
  }

  async #passages({ text, change }: Pick<QuestionView, "text" | "change">): Promise<InboxItem["passages"]> {
    const candidates = await this.#deps.index.candidates({ text, change }, this.#deps.options.current);
    return candidates
      .filter(({ evidence }) => evidence > 0)
      .slice(0, PASSAGES)
      .map(({ hit: { path, passage } }) => ({
        path,
        heading: passage.headingPath.join(" > "),
        startLine: passage.startLine,
        endLine: passage.endLine,
        excerpt: oneLine(passage.text, EXCERPT),
      }));
  }
}

function dueOf(left: number): InboxItem["due"] {
  if (left <= HOUR_MS) return "soon";
  return left <= 24 * HOUR_MS ? "today" : "later";
}
