import type { Kysely } from "kysely";
import type { Store } from "../adapters/store/index.ts";
import type { Clock } from "../foundation/clock.ts";
import type { EventBus } from "../foundation/events.ts";
import { canonicalJson, sha256 } from "../foundation/hash.ts";
import type { HealthCheck } from "../foundation/health.ts";
import { type Logger, redact } from "../foundation/logger.ts";
import { auditedEvents, type Weight } from "./audited-events.ts";
import { Refusals } from "./refusals.ts";

export interface AuditTables {
  audit: AuditRow;
  /** One row, `id` 1: the end of the chain, and the lock under which it grows. */
  audit_head: { id: number; seq: number; hash: string };
}

export interface AuditRow {
  seq: number;
  at: number;
  actor: string;
  action: string;
  target: string;
  /** JSON object of ids, hashes and numbers. */
  detail: string;
  prev_hash: string;
  hash: string;
}

/** Something that was done: by whom (`principalLabel`), what, to what. */
export interface AuditEntry {
  actor: string;
  /** Past tense, `document.updated`. */
  action: string;
  target: string;
  /** Ids and hashes only, never content; longer text is kept as its hash. */
  detail?: Record<string, string | number | boolean | null>;
}

/** The end of the chain; kept outside the database it proves that nothing was cut off. */
export interface AuditHead {
  seq: number;
  hash: string;
}

export interface AuditVerdict {
  ok: boolean;
  /** Entries that are as they were written, from the first on. */
  entries: number;
  /** First entry at which the chain is broken. */
  brokenAt: number | null;
  message: string;
}

interface Fault {
  seq: number;
  why: string;
}

/** Longest text in a detail: a commit id, a path. */
const MAX_TEXT = 300;
const PAGE = 1000;
const GENESIS = "0".repeat(64);
const NO_ENTRY: AuditHead = { seq: 0, hash: GENESIS };

/**
 * The append-only, hash-chained record of who did what. Triggers refuse changes, every entry carries the hash of the
 * one before, and `verify` finds what was changed behind our back (up to the last head kept elsewhere).
 */
export class AuditLog implements AsyncDisposable {
  readonly #store: Store<AuditTables>;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #pending = new Set<Promise<unknown>>();
  /** Those of them that somebody waits for before a call is answered. */
  readonly #decisive = new Set<Promise<unknown>>();
  #lost = 0;

  constructor({ store, clock, logger }: { store: Store<AuditTables>; clock: Clock; logger: Logger }) {
    this.#store = store;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** Resolves with the entry's place in the chain after it is committed. */
  append(entry: AuditEntry): Promise<AuditHead> {
    return this.#store.write((tx) => this.appendTo(tx, entry));
  }

  /** Appends in the caller's transaction: the entry exists exactly if what it tells of was committed. */
  async appendTo(tx: Kysely<AuditTables>, entry: AuditEntry): Promise<AuditHead> {
    const previous = await takeHead(tx);
    const row = link(previous, entry, this.#clock.now());
    await tx.insertInto("audit").values(row).execute();
    await tx.updateTable("audit_head").set({ hash: row.hash }).where("id", "=", 1).execute();
    return { seq: row.seq, hash: row.hash };
  }

  /** Records the events worth auditing until disposed. `weigh` says how calls of a tool are recorded. */
  attach(events: EventBus, weigh: (tool: string) => Weight): Disposable {
    const stack = new DisposableStack();
    const append = (entry: AuditEntry, weight: Weight) => this.#appendLater(entry, weight);
    const refusals = stack.use(new Refusals((entry) => append(entry, "before")));
    stack.use(auditedEvents(events, weigh, { append, refusals }));
    return stack;
  }

  /**
   * Resolves when every decision and refusal that was told of so far is committed: awaited before a call is answered, so
   * that nothing which a caller knows of can be missing after kill -9.
   */
  async settled(): Promise<void> {
    if (this.#decisive.size > 0) await Promise.all(this.#decisive);
  }

  async head(): Promise<AuditHead | null> {
    const row = await this.#store.read.selectFrom("audit_head").select(["seq", "hash"]).executeTakeFirst();
    return row ?? null;
  }

  /**
   * Walks the chain up to the end that is recorded now; `anchors` are heads that were kept elsewhere and must all still
   * be in it.
   */
  async verify(...anchors: AuditHead[]): Promise<AuditVerdict> {
    const anchored = new Map(anchors.map(({ seq, hash }) => [seq, hash]));
    const twice = anchors.find(({ seq, hash }) => anchored.get(seq) !== hash);
    if (twice) return verdict(NO_ENTRY, { seq: twice.seq, why: "was anchored twice, with two different hashes" });
    let rows = await this.page(0);
    // Read after the rows, so that rows without an end are a fault and not the first entry being written.
    const head = (await this.head()) ?? NO_ENTRY;
    let last = NO_ENTRY;
    for (; rows.length > 0; rows = await this.page(last.seq)) {
      for (const row of rows) {
        if (head !== NO_ENTRY && row.seq > head.seq) return verdict(last, endFault(last, head, anchored));
        const why = faultOf(row, last, anchored);
        if (why) return verdict(last, { seq: last.seq + 1, why });
        last = { seq: row.seq, hash: row.hash };
      }
    }
    return verdict(last, endFault(last, head, anchored));
  }

  /** `anchors`: heads kept elsewhere. */
  health(anchors: () => Promise<AuditHead[]> = async () => []): HealthCheck {
    return {
      name: "audit",
      summary: "The audit log is complete and unchanged.",
      deep: true,
      run: async () => {
        const { ok, message } = await this.verify(...(await anchors()));
        if (!ok) return { status: "failing", message, fix: "Somebody changed the database: compare it with a backup." };
        if (this.#lost === 0) return { status: "ok", message };
        return { status: "warning", message: `${this.#lost} events could not be recorded.`, fix: "The log says why." };
      },
    };
  }

  /** Waits for entries of events that are still being written. */
  async [Symbol.asyncDispose](): Promise<void> {
    while (this.#pending.size > 0) await Promise.all(this.#pending);
  }

  /** The entries after one, oldest first. */
  page(after: number, limit = PAGE): Promise<AuditRow[]> {
    return this.#store.read
      .selectFrom("audit")
      .selectAll()
      .where("seq", ">", after)
      .orderBy("seq")
      .limit(limit)
      .execute();
  }

  /** An event has no caller who could be told, so a failure is counted, logged and shown by `health`. */
  #appendLater(entry: AuditEntry, weight: Weight): void {
    const written = this.append(entry)
      .catch((error: unknown) => {
        this.#lost += 1;
        this.#logger.error({ err: error, action: entry.action }, "an audit entry could not be written");
      })
      .finally(() => {
        this.#pending.delete(written);
        this.#decisive.delete(written);
      });
    this.#pending.add(written);
    if (weight === "before") this.#decisive.add(written);
  }
}

/** Counts the head on, which also locks it against other writers, and gives what it was before. */
async function takeHead(tx: Kysely<AuditTables>): Promise<AuditHead> {
  const taken = await tx
    .updateTable("audit_head")
    .set((builder) => ({ seq: builder("seq", "+", 1) }))
    .where("id", "=", 1)
    .returning(["seq", "hash"])
    .executeTakeFirst();
  if (taken) return { seq: taken.seq - 1, hash: taken.hash };
  await tx.insertInto("audit_head").values({ id: 1, seq: 1, hash: GENESIS }).execute();
  return { seq: 0, hash: GENESIS };
}

function link(previous: AuditHead, entry: AuditEntry, at: number): AuditRow {
  const content = {
    seq: previous.seq + 1,
    at,
    actor: brief(entry.actor),
    action: brief(entry.action),
    target: brief(entry.target),
    detail: canonicalJson(
      Object.fromEntries(Object.entries(entry.detail ?? {}).map(([key, value]) => [key, briefly(value)])),
    ),
    prev_hash: previous.hash,
  };
  return { ...content, hash: sha256(canonicalJson(content)) };
}

function faultOf(row: AuditRow, last: AuditHead, anchored: ReadonlyMap<number, string>): string | null {
  const { hash, ...content } = row;
  if (content.seq !== last.seq + 1) return "is missing";
  if (content.prev_hash !== last.hash) return "does not follow the one before";
  if (hash !== sha256(canonicalJson(content))) return "was changed";
  return (anchored.get(row.seq) ?? hash) === hash ? null : "is not the anchored one";
}

/** The chain is whole as far as it goes; does it go as far as it should? */
function endFault(last: AuditHead, head: AuditHead, anchored: ReadonlyMap<number, string>): Fault | null {
  const furthest = [...anchored.keys()].reduce((most, seq) => Math.max(most, seq), head.seq);
  if (last.seq < furthest) {
    return { seq: last.seq + 1, why: "is missing: the end of the log was cut off" };
  }
  return head.hash === last.hash ? null : { seq: last.seq, why: "is not the end that was recorded" };
}

function verdict(last: AuditHead, fault: Fault | null): AuditVerdict {
  const message = fault ? `Entry ${fault.seq} ${fault.why}.` : `${last.seq} entries, chain unbroken.`;
  return { ok: fault === null, entries: last.seq, brokenAt: fault?.seq ?? null, message };
}

function briefly(value: string | number | boolean | null): string | number | boolean | null {
  return typeof value === "string" ? brief(value) : value;
}

function brief(text: string): string {
  return text.length <= MAX_TEXT ? redact(text.toWellFormed()) : `sha256:${sha256(text)}`;
}
