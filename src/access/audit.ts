import type { Kysely } from "kysely";
import type { Store } from "../adapters/store/index.ts";
import type { Clock } from "../foundation/clock.ts";
import type { EventBus } from "../foundation/events.ts";
import { canonicalJson, sha256 } from "../foundation/hash.ts";
import type { HealthCheck } from "../foundation/health.ts";
import { type Logger, redact } from "../foundation/logger.ts";
import { auditedEvents } from "./audited-events.ts";

export interface AuditTables {
  audit: AuditRow;
  /** One row, `id` 1: the end of the chain, and the lock under which it grows. */
  audit_head: { id: number; seq: number; hash: string };
}

interface AuditRow {
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
  entries: number;
  head: AuditHead | null;
  /** First entry at which the chain is broken. */
  brokenAt: number | null;
  message: string;
}

/** Longest text in a detail: a commit id, a path. */
const MAX_TEXT = 300;
const GENESIS = "0".repeat(64);

/**
 * The append-only, hash-chained record of who did what. Triggers refuse changes, every entry carries the hash of the
 * one before, and `verify` finds what was changed behind our back (up to the last head kept elsewhere).
 */
export class AuditLog implements AsyncDisposable {
  readonly #store: Store<AuditTables>;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #pending = new Set<Promise<unknown>>();
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

  /** Records the events worth auditing until disposed. `isRead` says which tools change nothing and are left out. */
  attach(events: EventBus, isRead: (tool: string) => boolean): Disposable {
    return auditedEvents(events, isRead, (entry) => this.#appendLater(entry));
  }

  async head(): Promise<AuditHead | null> {
    const row = await this.#store.read.selectFrom("audit_head").select(["seq", "hash"]).executeTakeFirst();
    return row ?? null;
  }

  /** Walks the whole chain; `anchor` is a head that was kept elsewhere and must still be in it. */
  async verify(anchor?: AuditHead): Promise<AuditVerdict> {
    const head = await this.head();
    let last: AuditHead = { seq: 0, hash: GENESIS };
    const broken = (seq: number, why: string): AuditVerdict => {
      return { ok: false, entries: last.seq, head, brokenAt: seq, message: `Entry ${seq} ${why}.` };
    };
    for (;;) {
      const rows = await this.#page(last.seq);
      for (const row of rows) {
        const why = faultOf(row, last);
        if (why) return broken(last.seq + 1, why);
        last = { seq: row.seq, hash: row.hash };
        if (anchor?.seq === row.seq && anchor.hash !== row.hash)
          return broken(row.seq, "is not the one that was anchored");
      }
      if (rows.length === 0) break;
    }
    const wanted = Math.max(head?.seq ?? 0, anchor?.seq ?? 0);
    if (last.seq < wanted) return broken(last.seq + 1, "is missing: the end of the log was cut off");
    if (head !== null && head.hash !== last.hash) return broken(last.seq, "is not the end that was recorded");
    return { ok: true, entries: last.seq, head, brokenAt: null, message: `${last.seq} entries, chain unbroken.` };
  }

  health(): HealthCheck {
    return {
      name: "audit",
      summary: "The audit log is complete and unchanged.",
      run: async () => {
        const verdict = await this.verify();
        if (!verdict.ok)
          return {
            status: "failing",
            message: verdict.message,
            fix: "Compare with a backup; somebody changed the database.",
          };
        if (this.#lost > 0)
          return {
            status: "warning",
            message: `${this.#lost} events could not be recorded.`,
            fix: "See the log for why.",
          };
        return { status: "ok", message: verdict.message };
      },
    };
  }

  /** Waits for entries of events that are still being written. */
  async [Symbol.asyncDispose](): Promise<void> {
    while (this.#pending.size > 0) await Promise.all(this.#pending);
  }

  #page(after: number): Promise<AuditRow[]> {
    return this.#store.read
      .selectFrom("audit")
      .selectAll()
      .where("seq", ">", after)
      .orderBy("seq")
      .limit(1000)
      .execute();
  }

  /** An event has no caller who could be told, so a failure is counted, logged and shown by `health`. */
  #appendLater(entry: AuditEntry): void {
    const written = this.append(entry)
      .catch((error: unknown) => {
        this.#lost += 1;
        this.#logger.error({ err: error, action: entry.action }, "an audit entry could not be written");
      })
      .finally(() => this.#pending.delete(written));
    this.#pending.add(written);
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

function faultOf({ hash, ...content }: AuditRow, last: AuditHead): string | null {
  if (content.seq !== last.seq + 1) return "is missing";
  if (content.prev_hash !== last.hash) return "does not follow the one before";
  return hash === sha256(canonicalJson(content)) ? null : "was changed";
}

function briefly(value: string | number | boolean | null): string | number | boolean | null {
  return typeof value === "string" ? brief(value) : value;
}

function brief(text: string): string {
  return text.length <= MAX_TEXT ? redact(text.toWellFormed()) : `sha256:${sha256(text)}`;
}
