import { z } from "zod";
import { replaceSealed, type Store } from "../adapters/store/index.ts";
import type { Clock } from "../foundation/clock.ts";
import { SpecloopError } from "../foundation/errors.ts";
import { canonicalJson, sha256 } from "../foundation/hash.ts";
import { principalLabel, principalSchema, type Principal } from "../foundation/principal.ts";
import type { DocumentTables, EditState } from "./tables.ts";
import type { UpdateRequest, UpdateResult } from "./types.ts";

/** One file of an edit: revisions before and after, null for "no file". */
export interface EditFile {
  path: string;
  base: string | null;
  next: string | null;
  edits: number;
}

/** An edit as it is remembered. */
export interface Edit {
  id: string;
  state: EditState;
  createdAt: number;
  files: EditFile[];
  message: string;
  trailers: Record<string, string>;
  reason: string;
  principal: Principal;
  idempotencyKey: string | null;
  inputHash: string;
  /** JSON of what has to be done again when it is held. */
  request: string | null;
  commit: string | null;
  branch: string | null;
  result: UpdateResult | null;
  note: string | null;
  /** The first edit of the group that it is written with; null when it is alone. */
  group: string | null;
}

type Row = Omit<DocumentTables["document_edits"], "row_hash">;
const FINAL = new Set<EditState>(["committed", "proposed", "written", "failed"]);

/** The edits in the core database. */
export class EditRows {
  readonly #store: Store<DocumentTables>;
  readonly #clock: Clock;

  constructor(store: Store<DocumentTables>, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Inserts or replaces the edit; durable when it resolves. */
  save(edit: Edit): Promise<void> {
    return this.#store.write(async (tx) => {
      const known = await tx.selectFrom("document_edits").select("seq").where("id", "=", edit.id).executeTakeFirst();
      const last = await tx
        .selectFrom("document_edits")
        .select((build) => build.fn.max("seq").as("seq"))
        .executeTakeFirst();
      const seq = known?.seq ?? (last?.seq ?? 0) + 1;
      const settledAt = FINAL.has(edit.state) ? this.#clock.now() : null;
      await replaceSealed(tx, "document_edits", { key: ["id"], row: toRow(edit, seq, settledAt) });
    });
  }

  /** Edits in one of these states, oldest first. */
  async inState(...states: EditState[]): Promise<Edit[]> {
    const rows = await this.#store.read
      .selectFrom("document_edits")
      .selectAll()
      .where("state", "in", states)
      .orderBy("seq")
      .execute();
    return rows.map(fromRow);
  }

  async byId(id: string): Promise<Edit | null> {
    const row = await this.#store.read.selectFrom("document_edits").selectAll().where("id", "=", id).executeTakeFirst();
    return row ? fromRow(row) : null;
  }

  /** The edits that were written in one go, oldest first: of a group, or the one with this id. */
  async writtenTogether(id: string): Promise<Edit[]> {
    const rows = await this.#store.read
      .selectFrom("document_edits")
      .selectAll()
      .where((build) => build.or([build("id", "=", id), build("group_id", "=", id)]))
      .orderBy("seq")
      .execute();
    return rows.map(fromRow).filter(({ group }) => group === null || group === id);
  }

  /**
   * The result of an earlier call with this key, null when there was none or it failed. Throws `key_reused` when that call
   * asked for something else.
   */
  async earlier(principal: Principal, key: string | undefined, inputHash: string): Promise<UpdateResult | null> {
    if (key === undefined) return null;
    const edit = await this.withKey(principal, key);
    if (!edit) return null;
    if (edit.inputHash !== inputHash) {
      throw new SpecloopError("key_reused", `The idempotency key "${key}" was used before with another edit.`, {
        target: key,
      });
    }
    return edit.result;
  }

  /** The last edit that was asked for with this key and did not fail. */
  async withKey(principal: Principal, key: string): Promise<Edit | null> {
    const row = await this.#store.read
      .selectFrom("document_edits")
      .selectAll()
      .where("principal", "=", principalLabel(principal))
      .where("idempotency_key", "=", key)
      .where("state", "!=", "failed")
      .orderBy("seq", "desc")
      .executeTakeFirst();
    return row ? fromRow(row) : null;
  }

  /** Whether an edit was asked for with this key and did not fail, so that it is not made again. */
  async isKnown(principal: Principal, key: string | undefined): Promise<boolean> {
    if (key === undefined) return false;
    const row = await this.#store.read
      .selectFrom("document_edits")
      .select("id")
      .where("principal", "=", principalLabel(principal))
      .where("idempotency_key", "=", key)
      .where("state", "!=", "failed")
      .executeTakeFirst();
    return row !== undefined;
  }

  count(state: EditState): Promise<number> {
    return this.#store.read
      .selectFrom("document_edits")
      .select((build) => build.fn.countAll().as("count"))
      .where("state", "=", state)
      .executeTakeFirstOrThrow()
      .then(({ count }) => Number(count));
  }
}

/** What makes two requests the same for an idempotency key. */
export function hashOfInput(input: unknown): string {
  return sha256(canonicalJson(input));
}

function toRow(edit: Edit, seq: number, settledAt: number | null): Row {
  return {
    id: edit.id,
    seq,
    state: edit.state,
    created_at: edit.createdAt,
    settled_at: settledAt,
    request: edit.request,
    files: JSON.stringify(edit.files),
    message: edit.message,
    trailers: JSON.stringify(edit.trailers),
    reason: edit.reason,
    principal: principalLabel(edit.principal),
    principal_json: JSON.stringify(edit.principal),
    idempotency_key: edit.idempotencyKey,
    input_hash: edit.inputHash,
    commit_id: edit.commit,
    branch: edit.branch,
    result: edit.result === null ? null : JSON.stringify(edit.result),
    note: edit.note,
    group_id: edit.group,
  };
}

/** The request of a held edit, to be done again. */
export function heldRequest(edit: Edit): UpdateRequest {
  return stored.request.parse(JSON.parse(edit.request ?? "null"));
}

const stored = {
  files: z.array(
    z.object({ path: z.string(), base: z.string().nullable(), next: z.string().nullable(), edits: z.number() }),
  ),
  trailers: z.record(z.string(), z.string()),
  result: z.object({
    status: z.enum(["committed", "commit_pending", "proposed", "written", "unchanged"]),
    commit: z.string().nullable(),
    branch: z.string().nullable(),
    approval: z.string().optional(),
    files: z.array(z.object({ path: z.string(), revision: z.string(), diff: z.string() })),
    message: z.string(),
  }),
  /** Checked when it was taken; the row's hash says that it is still the same. */
  request: z.custom<UpdateRequest>((value) => typeof value === "object" && value !== null),
};

/** The columns hold what `toRow` wrote; a damaged row is found by its hash (`sealedHealth`). */
function fromRow(row: Row): Edit {
  return {
    id: row.id,
    state: row.state,
    createdAt: row.created_at,
    files: stored.files.parse(JSON.parse(row.files)),
    message: row.message,
    trailers: stored.trailers.parse(JSON.parse(row.trailers)),
    reason: row.reason,
    principal: principalSchema.parse(JSON.parse(row.principal_json)),
    idempotencyKey: row.idempotency_key,
    inputHash: row.input_hash,
    request: row.request,
    commit: row.commit_id,
    branch: row.branch,
    result: row.result === null ? null : stored.result.parse(JSON.parse(row.result)),
    note: row.note,
    group: row.group_id,
  };
}
