import { existsSync, mkdtempDisposableSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { sql } from "kysely";
import { expect, test } from "vitest";
import { openSqliteStore } from "../../../src/adapters/store/index.ts";
import { storeContract } from "../../contract/store.ts";
import { scenario } from "../../helpers/scenario.ts";

interface Tables {
  notes: { id: string; body: string };
}

storeContract("sqlite, full", () => opened("full"));
storeContract("sqlite, normal", () => opened("normal"));

async function opened(durability: "full" | "normal") {
  const folder = temporary();
  const path = join(folder.path, "core.db");
  const store = openSqliteStore(path, durability);
  return {
    store,
    again: () => openSqliteStore(path, durability),
    [Symbol.asyncDispose]: async () => {
      await store[Symbol.asyncDispose]();
      folder.remove();
    },
  };
}

function temporary() {
  return mkdtempDisposableSync(join(tmpdir(), "specloop-store-"));
}

async function notes(path: string, limits = {}) {
  const store = openSqliteStore(path, "full", limits).as<Tables>();
  await store.write((tx) =>
    tx.schema.createTable("notes").ifNotExists().addColumn("id", "text").addColumn("body", "text").execute(),
  );
  return store;
}

scenario("store", "One of many writes fails", async () => {
  using folder = temporary();
  await using store = await notes(join(folder.path, "core.db"));
  const results = await Promise.allSettled(
    Array.from({ length: 100 }, (_, index) =>
      store.write(async (tx) => {
        await tx
          .insertInto("notes")
          .values({ id: `n${index}`, body: "x" })
          .execute();
        if (index === 50) throw new Error("not this one");
      }),
    ),
  );
  expect(results.filter(({ status }) => status === "rejected")).toHaveLength(1);
  const rows = await store.read.selectFrom("notes").select("id").execute();
  expect(rows).toHaveLength(99);
  expect(rows.map(({ id }) => id)).not.toContain("n50");
});

scenario("store", "A write through the reading side is refused", async () => {
  using folder = temporary();
  await using store = await notes(join(folder.path, "core.db"));
  const stray = store.read.insertInto("notes").values({ id: "a", body: "x" }).returning("id").executeTakeFirst();
  await expect(stray).rejects.toMatchObject({ code: "internal", message: expect.stringContaining("store.write") });
  await expect(store.read.deleteFrom("notes").execute()).rejects.toMatchObject({ code: "internal" });
  await expect(sql`DROP TABLE notes`.execute(store.read)).rejects.toMatchObject({ code: "internal" });
  expect(await store.read.selectFrom("notes").selectAll().execute()).toEqual([]);
});

test("a deferred constraint that fails at COMMIT fails the guilty write alone", async () => {
  using folder = temporary();
  await using store = await notes(join(folder.path, "core.db"));
  await store.write((tx) => sql`CREATE TABLE parents (id text PRIMARY KEY)`.execute(tx));
  await store.write((tx) =>
    sql`CREATE TABLE children (parent text REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED)`.execute(tx),
  );
  const good = (id: string) => store.write((tx) => tx.insertInto("notes").values({ id, body: "x" }).execute());
  const bad = store.write((tx) => sql`INSERT INTO children VALUES ('nobody') RETURNING parent`.execute(tx));
  const results = await Promise.allSettled([good("a"), bad, good("b")]);
  expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  expect(await store.read.selectFrom("notes").select("id").execute()).toEqual([{ id: "a" }, { id: "b" }]);
});

test("a caller who writes on and on leaves timers and sockets their turn", async () => {
  using folder = temporary();
  await using store = await notes(join(folder.path, "core.db"));
  let writes = 0;
  const waiting = { on: true };
  const timer = sleep(5).then(() => (waiting.on = false));
  for (; waiting.on && writes < 50_000; writes++) {
    await store.write((tx) =>
      tx
        .insertInto("notes")
        .values({ id: `n${writes}`, body: "x" })
        .execute(),
    );
  }
  await timer;
  expect(writes).toBeLessThan(50_000);
});

test("a burst of writes is committed in pieces, and each still succeeds or fails alone", async () => {
  using folder = temporary();
  await using store = await notes(join(folder.path, "core.db"));
  const order: string[] = [];
  const write = async (turn: number) => {
    await store.write(async (tx) => {
      // Longer altogether than any transaction may take.
      for (const until = performance.now() + 2; performance.now() < until;);
      order.push(`run ${turn}`);
      if (turn === 50) throw new Error("refused");
      await tx
        .insertInto("notes")
        .values({ id: `n${turn}`, body: "x" })
        .execute();
    });
    order.push(`done ${turn}`);
  };
  const results = await Promise.allSettled(Array.from({ length: 100 }, (_, turn) => write(turn)));
  expect(results.flatMap(({ status }, turn) => (status === "rejected" ? [turn] : []))).toEqual([50]);
  expect(order.indexOf("done 0")).toBeLessThan(order.indexOf("run 99"));
  const done = order.filter((step) => step.startsWith("done"));
  expect(done).toEqual(Array.from({ length: 100 }, (_, turn) => `done ${turn}`).filter((step) => step !== "done 50"));
  expect(await store.read.selectFrom("notes").select("id").execute()).toHaveLength(99);
});

test("a query that was not awaited fails instead of landing in another transaction", async () => {
  using folder = temporary();
  await using store = await notes(join(folder.path, "core.db"));
  let late: Promise<unknown> = Promise.resolve();
  let handle: typeof store.read | undefined;
  await store.write(async (tx) => {
    handle = tx;
    late = sleep(5).then(() => tx.insertInto("notes").values({ id: "late", body: "x" }).execute());
    late.catch(() => {});
  });
  await expect(late).rejects.toMatchObject({ code: "internal" });
  await expect(handle?.selectFrom("notes").selectAll().execute()).rejects.toMatchObject({ code: "internal" });
  expect(await store.read.selectFrom("notes").selectAll().execute()).toEqual([]);
});

test("work that waits for something else is given up, and the writes behind it go on", async () => {
  using folder = temporary();
  await using store = await notes(join(folder.path, "core.db"), { workMs: 50 });
  const stuck = store.write(async (tx) => {
    await tx.insertInto("notes").values({ id: "stuck", body: "x" }).execute();
    await new Promise(() => {});
  });
  const nested = store.write(() => store.write(async () => "never"));
  const behind = store.write((tx) => tx.insertInto("notes").values({ id: "behind", body: "x" }).execute());
  await expect(stuck).rejects.toMatchObject({ code: "internal", message: expect.stringContaining("50 ms") });
  await expect(nested).rejects.toMatchObject({ code: "internal" });
  await behind;
  expect(await store.read.selectFrom("notes").select("id").execute()).toEqual([{ id: "behind" }]);
});

test("work that was given up cannot write into a later transaction", async () => {
  using folder = temporary();
  await using store = await notes(join(folder.path, "core.db"), { workMs: 50 });
  const gate = Promise.withResolvers<void>();
  let late: Promise<unknown> | undefined;
  const stuck = store.write(async (tx) => {
    await gate.promise;
    late = tx.insertInto("notes").values({ id: "late", body: "x" }).execute();
    await late;
  });
  await expect(stuck).rejects.toMatchObject({ code: "internal" });
  await store.write(async (tx) => {
    gate.resolve();
    for (let index = 0; index < 50; index++) await tx.selectFrom("notes").selectAll().execute();
    await tx.insertInto("notes").values({ id: "behind", body: "x" }).execute();
  });
  await expect(late).rejects.toMatchObject({ code: "internal" });
  expect(await store.read.selectFrom("notes").select("id").execute()).toEqual([{ id: "behind" }]);
});

scenario("store", "Another process holds the database", async () => {
  using folder = temporary();
  const path = join(folder.path, "core.db");
  await using store = await notes(path, { busyMs: 150 });
  const other = new DatabaseSync(path);
  other.exec("BEGIN IMMEDIATE");
  let turns = 0;
  const turning = setInterval(() => (turns += 1), 1);
  const insert = () => store.write((tx) => tx.insertInto("notes").values({ id: "a", body: "x" }).execute());
  await expect(insert()).rejects.toMatchObject({ code: "store_busy", target: path });
  clearInterval(turning);
  expect(turns).toBeGreaterThan(2);
  other.exec("ROLLBACK");
  other.close();
  await insert();
  expect(await store.read.selectFrom("notes").select("id").execute()).toEqual([{ id: "a" }]);
});

scenario("store", "The file is not one of our databases", async () => {
  using folder = temporary();
  const garbage = join(folder.path, "garbage.db");
  writeFileSync(garbage, "this is no database at all ".repeat(1000));
  expect(() => openSqliteStore(garbage, "full")).toThrow(
    expect.objectContaining({ code: "store_corrupt", fix: expect.stringContaining("doctor --rebuild") }),
  );
  const foreign = join(folder.path, "foreign.db");
  const other = new DatabaseSync(foreign);
  other.exec("CREATE TABLE theirs (id integer); INSERT INTO theirs VALUES (1)");
  other.close();
  const before = readFileSync(foreign);
  expect(() => openSqliteStore(foreign, "full")).toThrow(
    expect.objectContaining({ code: "store_corrupt", fix: expect.stringContaining("Move") }),
  );
  expect(readFileSync(foreign).equals(before)).toBe(true);
  expect(existsSync(`${foreign}-wal`)).toBe(false);
});

test("a truncated header and a database cut in the middle are reported as damaged", async () => {
  using folder = temporary();
  const path = join(folder.path, "core.db");
  const store = await notes(path);
  await Promise.all(
    Array.from({ length: 200 }, (_, index) =>
      store.write((tx) =>
        tx
          .insertInto("notes")
          .values({ id: `n${index}`, body: "x".repeat(400) })
          .execute(),
      ),
    ),
  );
  await store[Symbol.asyncDispose]();
  const whole = readFileSync(path);
  writeFileSync(path, whole.subarray(0, 60));
  expect(() => openSqliteStore(path, "full")).toThrow(expect.objectContaining({ code: "store_corrupt" }));
  writeFileSync(path, whole.subarray(0, whole.length / 2));
  const read = async () => {
    await using cut = openSqliteStore(path, "full").as<Tables>();
    await cut.read.selectFrom("notes").selectAll().execute();
  };
  await expect(read()).rejects.toMatchObject({ code: "store_corrupt" });
});

test("a place where no database can be made is store_full with its path", () => {
  using folder = temporary();
  const path = join(folder.path, "nowhere", "core.db");
  expect(() => openSqliteStore(path, "full")).toThrow(expect.objectContaining({ code: "store_full", target: path }));
});

test("the database is private, in WAL mode and synchronous as asked for", async () => {
  using folder = temporary();
  const path = join(folder.path, "core.db");
  await using store = await notes(path);
  for (const file of [path, `${path}-wal`]) expect(statSync(file).mode & 0o777).toBe(0o600);
  const pragma = async (name: string) =>
    store.write(async (tx) => (await sql.raw(`PRAGMA ${name}`).execute(tx)).rows[0]);
  expect(await pragma("journal_mode")).toEqual({ journal_mode: "wal" });
  expect(await pragma("synchronous")).toEqual({ synchronous: 2 });
  expect(await pragma("foreign_keys")).toEqual({ foreign_keys: 1 });
});

test("streaming is refused, because reads inside its loop would wait for ever", async () => {
  using folder = temporary();
  await using store = await notes(join(folder.path, "core.db"));
  const stream = store.read.selectFrom("notes").selectAll().stream();
  await expect(stream.next()).rejects.toMatchObject({ code: "internal", message: expect.stringContaining("page") });
  expect(await store.read.selectFrom("notes").selectAll().execute()).toEqual([]);
});

test("more statements than are kept prepared still work", async () => {
  using folder = temporary();
  await using store = await notes(join(folder.path, "core.db"));
  for (let index = 0; index < 400; index++) {
    const { rows } = await sql.raw<{ n: number }>(`SELECT ${index} AS n`).execute(store.read);
    expect(rows[0]?.n).toBe(index);
  }
});
