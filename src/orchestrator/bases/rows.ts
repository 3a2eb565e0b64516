import { z } from "zod";
import type { Store } from "../../adapters/store/index.ts";
import { sha256 } from "../../foundation/hash.ts";
import type { OrchestratorTables } from "../tables.ts";
import { BASE_SOURCES, baseKey, type Base } from "./base.ts";

/** Rows per statement: SQLite takes at most 32,766 values in one. */
const ROWS = 500;
/** How long the bases of a change that went away are kept. */
const KEEP_GONE_MS = 180 * 24 * 3600 * 1000;

/** The table of bases: what no file says and git only sometimes. */
export class BaseRows {
  readonly #store: Store<OrchestratorTables>;

  constructor(store: Store<OrchestratorTables>) {
    this.#store = store;
  }

  /** By change and requirement. A row whose text is not what was written is left out, and read from git again. */
  async load(root: string): Promise<Map<string, Map<string, Base>>> {
    const rows = await this.#store.read.selectFrom("delta_bases").selectAll().where("root", "=", root).execute();
    const changes = new Map<string, Map<string, Base>>();
    for (const { change_id, text_hash, text, ...row } of rows) {
      const source = sourceSchema.safeParse(row.source);
      if (!source.success || sha256(text) !== text_hash) continue;
      const {
        capability,
        requirement,
        commit_id: commit,
        taken_at: takenAt,
        block_hash: blockHash,
        gone_at: goneAt,
      } = row;
      const base = { capability, requirement, text, commit, source: source.data, takenAt, blockHash, goneAt };
      changes.set(change_id, (changes.get(change_id) ?? new Map<string, Base>()).set(baseKey(base), base));
    }
    return changes;
  }

  /** Writes these, and forgets what went away long before `now`. */
  async save(root: string, bases: { change: string; base: Base }[], now: number): Promise<void> {
    const rows = bases.map(({ change, base }) => ({
      root,
      change_id: change,
      capability: base.capability,
      requirement: base.requirement,
      text: base.text,
      text_hash: sha256(base.text),
      commit_id: base.commit,
      source: base.source,
      taken_at: base.takenAt,
      block_hash: base.blockHash,
      gone_at: base.goneAt,
    }));
    await this.#store.write(async (tx) => {
      await tx
        .deleteFrom("delta_bases")
        .where("root", "=", root)
        .where("gone_at", "<", now - KEEP_GONE_MS)
        .execute();
      for (let at = 0; at < rows.length; at += ROWS) {
        await tx
          .insertInto("delta_bases")
          .values(rows.slice(at, at + ROWS))
          .onConflict((conflict) =>
            conflict.columns(["root", "change_id", "capability", "requirement"]).doUpdateSet((eb) => ({
              text: eb.ref("excluded.text"),
              text_hash: eb.ref("excluded.text_hash"),
              commit_id: eb.ref("excluded.commit_id"),
              source: eb.ref("excluded.source"),
              taken_at: eb.ref("excluded.taken_at"),
              block_hash: eb.ref("excluded.block_hash"),
              gone_at: eb.ref("excluded.gone_at"),
            })),
          )
          .execute();
      }
    });
  }
}

const sourceSchema = z.enum(BASE_SOURCES);
