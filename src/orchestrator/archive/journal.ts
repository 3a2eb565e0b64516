import { z } from "zod";
import { replaceSealed, type Store } from "../../adapters/store/index.ts";
import { principalSchema, type Principal } from "../../foundation/principal.ts";
import type { ArchiveTables, MoveState } from "./tables.ts";

const moveSchema = z.object({
  /** The change's folder, from where and to where, relative to the repository. */
  from: z.string(),
  to: z.string(),
  /** Hash over names and contents of everything in the folder. */
  folder: z.string(),
  /** Main specs with their blob ids before and after, null for "no file". */
  files: z.array(z.object({ path: z.string(), before: z.string().nullable(), after: z.string().nullable() })),
  message: z.string(),
  trailers: z.record(z.string(), z.string()),
});

/** Everything that is needed to carry a move out, and to take it back. */
export type Move = z.output<typeof moveSchema>;

export interface Entry {
  id: string;
  kind: "archive" | "unarchive";
  state: MoveState;
  createdAt: number;
  root: string;
  change: string;
  move: Move | null;
  principal: Principal;
  commit: string | null;
  branch: string | null;
  approvalId: string | null;
  saved: string[];
  note: string | null;
}

type Row = Omit<ArchiveTables["archive_moves"], "row_hash">;

/** What was begun, and how it ended. */
export class Journal {
  readonly #store: Store<ArchiveTables>;

  constructor(store: Store<ArchiveTables>) {
    this.#store = store;
  }

  /** Resolves when the row is durable. */
  async save(entry: Entry): Promise<void> {
    await this.#store.write(async (tx) => {
      const known = await tx.selectFrom("archive_moves").select("seq").where("id", "=", entry.id).executeTakeFirst();
      const last = await tx
        .selectFrom("archive_moves")
        .select((build) => build.fn.max("seq").as("seq"))
        .executeTakeFirst();
      const seq = known?.seq ?? (last?.seq ?? 0) + 1;
      await replaceSealed(tx, "archive_moves", { key: ["id"], row: toRow(entry, seq) });
    });
  }

  async inState(...states: MoveState[]): Promise<Entry[]> {
    const rows = this.#store.read.selectFrom("archive_moves").selectAll().where("state", "in", states).orderBy("seq");
    return (await rows.execute()).map(fromRow);
  }

  async byId(id: string): Promise<Entry | null> {
    const row = await this.#store.read.selectFrom("archive_moves").selectAll().where("id", "=", id).executeTakeFirst();
    return row ? fromRow(row) : null;
  }

  /** Requirement texts that refusals saved since the change was last archived. */
  async savedTexts(root: string, change: string): Promise<Set<string>> {
    const rows = await this.#store.read
      .selectFrom("archive_moves")
      .selectAll()
      .where("root", "=", root)
      .where("change_id", "=", change)
      .orderBy("seq", "desc")
      .execute();
    const last = rows.findIndex(({ kind, state }) => kind === "archive" && state === "done");
    return new Set((last === -1 ? rows : rows.slice(0, last)).map(fromRow).flatMap(({ saved }) => saved));
  }
}

function toRow(entry: Entry, seq: number): Row {
  return {
    id: entry.id,
    seq,
    kind: entry.kind,
    state: entry.state,
    created_at: entry.createdAt,
    root: entry.root,
    change_id: entry.change,
    move: entry.move === null ? null : JSON.stringify(entry.move),
    principal: JSON.stringify(entry.principal),
    commit_id: entry.commit,
    branch: entry.branch,
    approval_id: entry.approvalId,
    saved: JSON.stringify(entry.saved),
    note: entry.note,
  };
}

function fromRow(row: Row): Entry {
  return {
    id: row.id,
    kind: row.kind,
    state: row.state,
    createdAt: row.created_at,
    root: row.root,
    change: row.change_id,
    move: row.move === null ? null : moveSchema.parse(JSON.parse(row.move)),
    principal: principalSchema.parse(JSON.parse(row.principal)),
    commit: row.commit_id,
    branch: row.branch,
    approvalId: row.approval_id,
    saved: z.array(z.string()).parse(JSON.parse(row.saved)),
    note: row.note,
  };
}
