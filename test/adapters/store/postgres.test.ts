import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  appendOnly,
  insertSealed,
  openPostgresStore,
  type Store,
  verifySealed,
} from "../../../src/adapters/store/index.ts";
import { storeContract } from "../../contract/store.ts";
import { scenario } from "../../helpers/scenario.ts";
import { postgresPrograms, startPostgres, type PostgresServer } from "../../helpers/postgres.ts";

interface Tables {
  notes: { id: string; body: string };
}

const programs = postgresPrograms();
let server: PostgresServer;
let schemas = 0;

describe.skipIf(programs === null)("on PostgreSQL", () => {
  beforeAll(async () => {
    server = await startPostgres(programs!);
  });
  afterAll(() => server[Symbol.asyncDispose]());

  storeContract("postgres, full", () => opened("full"));
  storeContract("postgres, normal", () => opened("normal"));

  scenario("store", "Two daemons change one row at the same time", async () => {
    const schema = newSchema();
    const stores = await Promise.all(Array.from({ length: 4 }, () => notes(schema)));
    await stores[0]!.write((tx) => tx.insertInto("notes").values({ id: "count", body: "0" }).execute());
    const addOne = (store: Store<Tables>) =>
      store.write(async (tx) => {
        const { body } = await tx.selectFrom("notes").select("body").executeTakeFirstOrThrow();
        await tx
          .updateTable("notes")
          .set({ body: `${Number(body) + 1}` })
          .execute();
      });
    await Promise.all(Array.from({ length: 100 }, (_, index) => addOne(stores[index % 4]!)));
    expect(await stores[1]!.read.selectFrom("notes").select("body").execute()).toEqual([{ body: "100" }]);
    for (const store of stores) await store[Symbol.asyncDispose]();
  });

  test("a write through the reading side is refused", async () => {
    await using store = await notes(newSchema());
    const stray = store.read.insertInto("notes").values({ id: "a", body: "x" }).execute();
    await expect(stray).rejects.toMatchObject({ code: "internal", message: expect.stringContaining("store.write") });
  });

  scenario("store", "The team's server crashes", async () => {
    await using store = await notes(newSchema());
    await store.write((tx) => tx.insertInto("notes").values({ id: "before", body: "x" }).execute());
    await server.crash();
    expect(await store.read.selectFrom("notes").select("id").execute()).toEqual([{ id: "before" }]);
    await store.write((tx) => tx.insertInto("notes").values({ id: "after", body: "x" }).execute());
    const rows = await store.read.selectFrom("notes").select("id").orderBy("id").execute();
    expect(rows.map(({ id }) => id)).toEqual(["after", "before"]);
  });

  test("without a server a write fails with its place and without its password, and works again afterwards", async () => {
    await using store = await notes(newSchema(), { busyMs: 300 });
    await server.stop();
    const write = () => store.write((tx) => tx.insertInto("notes").values({ id: "a", body: "x" }).execute());
    await expect(write()).rejects.toMatchObject({ code: "store_unreachable", target: `${server.folder}/postgres` });
    await server.start();
    await write();
  });

  test("an address that cannot be reached is store_unreachable, one that is none bad_config", async () => {
    const open = (url: string) => openPostgresStore({ url, schema: "s" }, "full");
    await expect(open("postgres://ada:secret@127.0.0.1:1/db")).rejects.toMatchObject({
      code: "store_unreachable",
      message: expect.not.stringContaining("secret"),
    });
    await expect(open("not an address")).rejects.toMatchObject({ code: "bad_config" });
    await expect(openPostgresStore({ url: server.url, schema: 'a"b' }, "full")).rejects.toMatchObject({
      code: "bad_config",
    });
  });

  test("a row keeps its seal, numbers with a fraction, bytes and order included", async () => {
    interface Sealed {
      things: { id: string; share: number; bytes: Uint8Array; row_hash: string };
    }
    await using opened = await openPostgresStore({ url: server.url, schema: newSchema() }, "full");
    const store = opened.as<Sealed>();
    await store.write(async (tx) => {
      await tx.schema
        .createTable("things")
        .addColumn("id", "text", (column) => column.primaryKey())
        .addColumn("share", "real")
        .addColumn("bytes", "blob")
        .addColumn("row_hash", "text")
        .execute();
      for (const id of ["b", "B", "ä", "a", "_"])
        await insertSealed(tx, "things", { id, share: 0.1 + 0.2, bytes: new Uint8Array([0, 255]) });
    });
    expect(await verifySealed(store.read, "things")).toEqual([]);
    const rows = await store.read.selectFrom("things").select("id").orderBy("id").execute();
    expect(rows.map(({ id }) => id)).toEqual(["B", "_", "a", "b", "ä"]);
  });

  test("an append-only table takes the next row and nothing else", async () => {
    interface Log {
      log: { seq: number; text: string };
    }
    await using opened = await openPostgresStore({ url: server.url, schema: newSchema() }, "full");
    const store = opened.as<Log>();
    await store.write(async (tx) => {
      await tx.schema.createTable("log").addColumn("seq", "bigint").addColumn("text", "text").execute();
      await appendOnly(tx as never, "log");
    });
    const add = (seq: number) => store.write((tx) => tx.insertInto("log").values({ seq, text: "x" }).execute());
    await add(1);
    await expect(add(3)).rejects.toThrow("log only grows");
    await expect(store.write((tx) => tx.updateTable("log").set({ text: "y" }).execute())).rejects.toThrow();
    await expect(store.write((tx) => tx.deleteFrom("log").execute())).rejects.toThrow();
    await expect(store.write((tx) => sql`TRUNCATE log`.execute(tx))).rejects.toThrow();
    await add(2);
  });

  test("a daemon that stands still in a write does not keep the others waiting for ever", async () => {
    const schema = newSchema();
    await using still = await notes(schema, { workMs: 60_000 });
    await using other = await notes(schema, { busyMs: 500 });
    const held = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    const holding = still.write(() => {
      begun.resolve();
      return held.promise;
    });
    await begun.promise;
    const waiting = other.write((tx) => tx.insertInto("notes").values({ id: "a", body: "x" }).execute());
    await expect(waiting).rejects.toMatchObject({ code: "store_busy" });
    held.resolve();
    await holding;
    await other.write((tx) => tx.insertInto("notes").values({ id: "a", body: "x" }).execute());
  });
});

function newSchema(): string {
  schemas += 1;
  return `specloop_test_${schemas}`;
}

async function opened(durability: "full" | "normal") {
  const address = { url: server.url, schema: newSchema() };
  const store = await openPostgresStore(address, durability);
  const beside = await openPostgresStore(address, durability);
  return {
    store,
    again: () => beside,
    [Symbol.asyncDispose]: async () => {
      await store[Symbol.asyncDispose]();
      await beside[Symbol.asyncDispose]();
    },
  };
}

async function notes(schema: string, limits = {}): Promise<Store<Tables>> {
  const store = (await openPostgresStore({ url: server.url, schema }, "full", limits)).as<Tables>();
  await store.write((tx) =>
    tx.schema.createTable("notes").ifNotExists().addColumn("id", "text").addColumn("body", "text").execute(),
  );
  return store;
}
