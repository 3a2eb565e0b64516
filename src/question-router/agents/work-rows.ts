import type { Selectable } from "kysely";
import { insertSealed, updateSealed, type Store } from "../../adapters/store/index.ts";
import { newId } from "../../foundation/ids.ts";
import type { WorkRequest } from "../agent-work.ts";
import type { Item } from "./backlog.ts";
import type { AgentWorkTables } from "./tables.ts";

/** One piece of work as it is kept. */
export interface Work {
  item: Item;
  state: "open" | "done" | "over";
  answer: { text: string; by: string } | null;
}

/** Work of other rooms: one row per key, for ever. */
export class WorkRows {
  readonly #store: Store<AgentWorkTables>;

  constructor(store: Store<AgentWorkTables>) {
    this.#store = store;
  }

  /** The work of this key: what there is, or new. What was over is opened again, with the new deadline. */
  async take({ key, capabilities, text, schema, deadline }: WorkRequest, at: number): Promise<Work> {
    return this.#store.write(async (tx) => {
      const known = await tx.selectFrom("work").selectAll().where("key", "=", key).executeTakeFirst();
      if (known && known.state !== "over") return toWork(known);
      if (known) {
        const set = { state: "open" as const, deadline, asked_at: at };
        await updateSealed(tx, "work", { where: { id: known.id }, set });
        return toWork({ ...known, ...set });
      }
      const row = {
        id: newId("w"),
        key,
        capabilities: JSON.stringify(capabilities),
        text,
        schema: schema === undefined ? null : JSON.stringify(schema),
        deadline,
        state: "open" as const,
        answer: null,
        by: null,
        asked_at: at,
      };
      await insertSealed(tx, "work", row);
      return toWork({ ...row, row_hash: "" });
    });
  }

  async get(id: string): Promise<Work | null> {
    const row = await this.#store.read.selectFrom("work").selectAll().where("id", "=", id).executeTakeFirst();
    return row ? toWork(row) : null;
  }

  /** Whether this was the answer that counts: the first one while it is open. */
  async finish(id: string, { text, by }: { text: string; by: string }): Promise<boolean> {
    const set = { state: "done" as const, answer: text, by };
    const where = { id, state: "open" as const };
    return this.#store.write(async (tx) => (await updateSealed(tx, "work", { where, set })) > 0);
  }

  async end(id: string): Promise<void> {
    const where = { id, state: "open" as const };
    await this.#store.write((tx) => updateSealed(tx, "work", { where, set: { state: "over" } }));
  }
}

function toWork(row: Selectable<AgentWorkTables["work"]>): Work {
  const { id, text, schema, deadline, state, answer, by } = row;
  const item: Item = {
    id,
    subject: { text, change: null, paths: [] },
    kind: null,
    change: null,
    needs: JSON.parse(row.capabilities) as string[],
    asker: "",
    quorum: 1,
    choices: null,
    schema: schema === null ? null : (JSON.parse(schema) as Record<string, unknown>),
    askedAt: row.asked_at,
    deadline,
  };
  return { item, state, answer: answer === null ? null : { text: answer, by: by ?? "" } };
}
