import { sql, type Kysely } from "kysely";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { migrate, type RoomMigrations, type Store } from "../../src/adapters/store/index.ts";

/** A new, empty store; `again` opens the same rows once more beside it, as another process would. */
export interface OpenedStore extends AsyncDisposable {
  store: Store<unknown>;
  again(): Store<unknown>;
}

interface Tables {
  notes: { id: string; body: string | null; seq: number };
}

const rooms: RoomMigrations[] = [
  {
    room: "contract",
    migrations: [
      {
        name: "0001-notes",
        up: async (db) => {
          await db.schema
            .createTable("notes")
            .addColumn("id", "text", (column) => column.notNull().primaryKey())
            .addColumn("body", "text")
            .addColumn("seq", "bigint", (column) => column.notNull())
            .execute();
          await db.schema
            .createIndex("notes_one_open")
            .unique()
            .on("notes")
            .column("seq")
            .where(sql.ref("body"), "is", null)
            .execute();
        },
      },
    ],
  },
];

/** What every backend of the store must show; `open` gives an empty one each time. Portable Kysely only. */
export function storeContract(name: string, open: () => Promise<OpenedStore>): void {
  describe(`store contract: ${name}`, () => {
    let opened: OpenedStore;
    let store: Store<Tables>;
    const ids = async (from: Store<Tables> = store) =>
      (await from.read.selectFrom("notes").select("id").orderBy("seq").execute()).map(({ id }) => id);
    const insert = (id: string, seq: number, body: string | null = "x") =>
      store.write((tx) => tx.insertInto("notes").values({ id, body, seq }).execute());

    beforeEach(async () => {
      opened = await open();
      store = opened.store.as<Tables>();
      await migrate(opened.store, rooms, 1);
    });
    afterEach(async () => {
      await opened[Symbol.asyncDispose]();
    });

    test("a write resolves with what its work returned, after its rows are committed", async () => {
      await using other = opened.again().as<Tables>();
      const value = await store.write(async (tx) => {
        await tx.insertInto("notes").values({ id: "a", body: "x", seq: 1 }).execute();
        return 42;
      });
      expect(value).toBe(42);
      expect(await ids(other)).toEqual(["a"]);
    });

    test("a write that throws leaves nothing and fails with what it threw", async () => {
      const thrown = new Error("changed my mind");
      const write = store.write(async (tx) => {
        await tx.insertInto("notes").values({ id: "a", body: "x", seq: 1 }).execute();
        throw thrown;
      });
      await expect(write).rejects.toBe(thrown);
      expect(await ids()).toEqual([]);
    });

    test("of writes that are handed in together, the failing ones fail alone", async () => {
      await insert("taken", 0);
      const results = await Promise.allSettled([insert("a", 1), insert("taken", 2), insert("b", 3)]);
      expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
      expect(await ids()).toEqual(["taken", "a", "b"]);
    });

    test("all statements of one write are kept or none", async () => {
      await insert("taken", 0);
      const pair = store.write(async (tx) => {
        await tx.insertInto("notes").values({ id: "first", body: "x", seq: 1 }).execute();
        await tx.insertInto("notes").values({ id: "taken", body: "x", seq: 2 }).execute();
      });
      await expect(pair).rejects.toThrow();
      expect(await ids()).toEqual(["taken"]);
    });

    test("reads see committed rows only, writes see their own", async () => {
      const seen = await store.write(async (tx) => {
        await tx.insertInto("notes").values({ id: "a", body: "x", seq: 1 }).execute();
        const inside = await tx.selectFrom("notes").select("id").execute();
        return { inside: inside.length, outside: (await ids()).length };
      });
      expect(seen).toEqual({ inside: 1, outside: 0 });
      expect(await ids()).toEqual(["a"]);
    });

    test("writes take effect in the order in which they were handed in", async () => {
      await insert("a", 1, "");
      await Promise.all(
        Array.from({ length: 50 }, (_, index) =>
          store.write(async (tx) => {
            const { body } = await tx
              .selectFrom("notes")
              .select("body")
              .where("id", "=", "a")
              .executeTakeFirstOrThrow();
            await tx
              .updateTable("notes")
              .set({ body: `${body}${index},` })
              .where("id", "=", "a")
              .execute();
          }),
        ),
      );
      const { body } = await store.read.selectFrom("notes").select("body").executeTakeFirstOrThrow();
      expect(body).toBe(Array.from({ length: 50 }, (_, index) => `${index},`).join(""));
    });

    test("a thousand writes at once all succeed and are all there", async () => {
      await Promise.all(Array.from({ length: 1000 }, (_, index) => insert(`n${index}`, index)));
      await using other = opened.again().as<Tables>();
      expect(await ids(other)).toEqual(Array.from({ length: 1000 }, (_, index) => `n${index}`));
    });

    test("insert, update and delete give back rows; an upsert replaces", async () => {
      const upsert = (body: string) =>
        store.write((tx) =>
          tx
            .insertInto("notes")
            .values({ id: "a", body, seq: 1 })
            .onConflict((conflict) => conflict.column("id").doUpdateSet({ body }))
            .returningAll()
            .executeTakeFirst(),
        );
      expect(await upsert("first")).toEqual({ id: "a", body: "first", seq: 1 });
      expect(await upsert("second")).toEqual({ id: "a", body: "second", seq: 1 });
      const claimed = await store.write((tx) =>
        tx.updateTable("notes").set({ body: null }).where("body", "=", "second").returning("id").execute(),
      );
      expect(claimed).toEqual([{ id: "a" }]);
      const gone = await store.write((tx) => tx.deleteFrom("notes").returning(["id", "body"]).execute());
      expect(gone).toEqual([{ id: "a", body: null }]);
    });

    test("a partial unique index holds for its rows only", async () => {
      await insert("closed-1", 7);
      await insert("closed-2", 7);
      await insert("open-1", 7, null);
      await expect(insert("open-2", 7, null)).rejects.toThrow();
    });

    test("text comes back as it was written, large integers too", async () => {
      const body = 'línea "1"\r\n日本語 😀\u0001 \\';
      await insert("a", 9_007_199_254_740_991, body);
      expect(await store.read.selectFrom("notes").selectAll().execute()).toEqual([
        { id: "a", body, seq: 9_007_199_254_740_991 },
      ]);
    });

    test("disposal waits for what was handed in and then accepts nothing more", async () => {
      await using other = opened.again().as<Tables>();
      const writes = [insert("a", 1), insert("b", 2)];
      await opened.store[Symbol.asyncDispose]();
      await Promise.all(writes);
      expect(await ids(other)).toEqual(["a", "b"]);
      await expect(insert("late", 3)).rejects.toMatchObject({ code: "daemon_stopping" });
    });

    test("migrations run once, in order, and again change nothing", async () => {
      await insert("a", 1);
      const ran: string[] = [];
      const step = (name: string) => ({ name, up: async () => void ran.push(name) });
      const more = [...rooms, { room: "later", migrations: [step("0002-b"), step("0001-a")] }];
      await migrate(opened.store, more, 2);
      await migrate(opened.store, more, 3);
      expect(ran).toEqual(["0001-a", "0002-b"]);
      expect(await ids()).toEqual(["a"]);
    });

    test("a step that fails is undone in whole, and the ones before it stay", async () => {
      const half = async (db: Kysely<unknown>) => {
        await db.schema.createTable("half").addColumn("id", "text").execute();
        throw new Error("no");
      };
      const more = [...rooms, { room: "later", migrations: [{ name: "0001-half", up: half }] }];
      await expect(migrate(opened.store, more, 2)).rejects.toMatchObject({ code: "internal" });
      await insert("a", 1);
      const names = await opened.store.read.introspection.getTables();
      expect(names.map((table) => table.name)).not.toContain("half");
    });

    test("rows of a newer version are not touched", async () => {
      const future = {
        room: "contract",
        migrations: [...rooms[0]!.migrations, { name: "0002-future", up: async () => {} }],
      };
      await migrate(opened.store, [future], 2);
      await expect(migrate(opened.store, rooms, 3)).rejects.toMatchObject({ code: "store_newer" });
    });
  });
}
