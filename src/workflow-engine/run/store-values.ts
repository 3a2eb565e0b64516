import type { Kysely } from "kysely";
import { sha256 } from "../../foundation/hash.ts";
import type { Migration, Store } from "../../adapters/store/index.ts";
import type { Stored } from "./state.ts";
import { asJson, damaged, handleOf, hashIn, INLINE_BYTES, isHandle, refuseTooLarge, type Values } from "./values.ts";

export interface ValueTables {
  workflow_values: { hash: string; body: string };
}

/** Large values in the store itself, for a team: whoever carries a run on finds them. */
export class StoreValues implements Values {
  readonly #store: Store<ValueTables>;

  constructor(store: Store<ValueTables>) {
    this.#store = store;
  }

  async store(value: unknown): Promise<Stored> {
    const body = asJson(value);
    const bytes = Buffer.byteLength(body);
    if (bytes <= INLINE_BYTES) return body;
    refuseTooLarge(bytes);
    const hash = sha256(body);
    await this.#store.write((tx) =>
      tx
        .insertInto("workflow_values")
        .values({ hash, body })
        .onConflict((conflict) => conflict.column("hash").doNothing())
        .execute(),
    );
    return handleOf(hash, bytes);
  }

  async load(stored: Stored): Promise<unknown> {
    if (!isHandle(stored)) return JSON.parse(stored) as unknown;
    const hash = hashIn(stored);
    const row = await this.#store.read
      .selectFrom("workflow_values")
      .select("body")
      .where("hash", "=", hash)
      .executeTakeFirst();
    if (!row) throw damaged(hash, "is not in the store");
    if (sha256(row.body) !== hash) throw damaged(hash, "is not what was kept");
    return JSON.parse(row.body) as unknown;
  }
}

export const valuesMigration: Migration = {
  name: "0005-values",
  up: async (db: Kysely<unknown>) => {
    await db.schema
      .createTable("workflow_values")
      .addColumn("hash", "text", (column) => column.primaryKey())
      .addColumn("body", "text", (column) => column.notNull())
      .execute();
  },
};
