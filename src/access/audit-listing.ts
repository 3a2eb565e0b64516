import type { Store } from "../adapters/store/index.ts";
import type { AuditTables } from "./audit.ts";

export interface AuditFilter {
  /** Whole label, `agent:nightly`, or only its beginning, `agent:`. */
  actor?: string | undefined;
  /** Whole action, or only its beginning, `approval.`. */
  action?: string | undefined;
  /** Part of the target. */
  target?: string | undefined;
  /** Epoch milliseconds. */
  since?: number | undefined;
  /** Entries before this one (newest first) or after it (oldest first). */
  cursor?: number | undefined;
  oldestFirst?: boolean | undefined;
  limit: number;
}

export interface ListedEntry {
  seq: number;
  /** Epoch milliseconds. */
  at: number;
  actor: string;
  action: string;
  target: string;
  detail: Record<string, unknown>;
  hash: string;
}

/** Entries that fit a filter; `next` is the cursor of the following page, null at the end. */
export async function listAudit(
  store: Store<AuditTables>,
  filter: AuditFilter,
): Promise<{ entries: ListedEntry[]; next: number | null }> {
  const { actor, action, target, since, cursor, oldestFirst = false, limit } = filter;
  let query = store.read.selectFrom("audit").select(["seq", "at", "actor", "action", "target", "detail", "hash"]);
  // Ranges instead of patterns: a text that somebody chose holds no wildcard.
  if (actor !== undefined) query = query.where("actor", ">=", actor).where("actor", "<", `${actor}\u{10ffff}`);
  if (action !== undefined) query = query.where("action", ">=", action).where("action", "<", `${action}\u{10ffff}`);
  if (target !== undefined)
    query = query.where((build) => build(build.fn("instr", ["target", build.val(target)]), ">", 0));
  if (since !== undefined) query = query.where("at", ">=", since);
  if (cursor !== undefined) query = query.where("seq", oldestFirst ? ">" : "<", cursor);
  const rows = await query
    .orderBy("seq", oldestFirst ? "asc" : "desc")
    .limit(limit + 1)
    .execute();
  const entries = rows
    .slice(0, limit)
    .map(({ detail, ...row }) => ({ ...row, detail: JSON.parse(detail) as Record<string, unknown> }));
  return { entries, next: rows.length > limit ? (entries.at(-1)?.seq ?? null) : null };
}
