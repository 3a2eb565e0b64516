import { mkdtempDisposableSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import {
  findDamage,
  insertSealed,
  openSqliteStore,
  replaceSealed,
  sealedHealth,
  updateSealed,
  verifySealed,
} from "../../../src/adapters/store/index.ts";
import { scenario } from "../../helpers/scenario.ts";

interface Tables {
  answers: { id: string; text: string; at: number; score: number | null; note: string | null; row_hash: string };
  plain: { id: string };
}

async function answers() {
  const folder = mkdtempDisposableSync(join(tmpdir(), "specloop-sealed-"));
  const path = join(folder.path, "core.db");
  const store = openSqliteStore(path, "full").as<Tables>();
  await store.write(async (tx) => {
    await tx.schema
      .createTable("answers")
      .addColumn("id", "text", (column) => column.primaryKey())
      .addColumn("text", "text", (column) => column.notNull())
      .addColumn("at", "bigint", (column) => column.notNull())
      .addColumn("score", "real")
      .addColumn("note", "text")
      .addColumn("row_hash", "text", (column) => column.notNull())
      .execute();
    await tx.schema
      .createTable("careless")
      .addColumn("id", "text")
      .addColumn("state", "text", (column) => column.defaultTo("new"))
      .addColumn("row_hash", "text")
      .execute();
  });
  return {
    store,
    path,
    /** Changes the file behind the store's back. */
    tamper: (sql: string) => {
      const database = new DatabaseSync(path);
      database.exec(sql);
      database.close();
    },
    [Symbol.asyncDispose]: async () => {
      await store[Symbol.asyncDispose]();
      folder.remove();
    },
  };
}

const row = (id: string) => ({ id, text: "yes", at: 1, score: 0.5, note: null });
const abort = new AbortController().signal;

scenario("store", "A row is changed behind our back", async () => {
  await using fixture = await answers();
  const { store, tamper, path } = fixture;
  for (const id of ["a", "b", "c"]) await store.write((tx) => insertSealed(tx, "answers", row(id)));
  expect(await verifySealed(store.read, "answers")).toEqual([]);
  tamper("UPDATE answers SET text = 'no' WHERE id = 'b'");
  expect(await verifySealed(store.read, "answers")).toEqual([
    { table: "answers", row: "id=b", why: "does not fit its row_hash" },
  ]);
  const health = await sealedHealth(store.read, ["answers"]).run(abort);
  expect(health).toMatchObject({
    status: "failing",
    message: expect.stringContaining("id=b"),
    fix: expect.any(String),
  });
  expect(findDamage(path)).toEqual(["a row of answers does not fit its row_hash"]);
});

test("an update reseals the rows it changes and says how many", async () => {
  await using fixture = await answers();
  const { store } = fixture;
  for (const id of ["a", "b", "c"]) await store.write((tx) => insertSealed(tx, "answers", row(id)));
  const change = { where: { text: "yes", note: null }, set: { note: "seen", score: null } };
  expect(await store.write((tx) => updateSealed(tx, "answers", change))).toBe(3);
  expect(await store.write((tx) => updateSealed(tx, "answers", change))).toBe(0);
  expect(await verifySealed(store.read, "answers")).toEqual([]);
  expect(await store.read.selectFrom("answers").select(["note", "score"]).distinct().execute()).toEqual([
    { note: "seen", score: null },
  ]);
});

test("a damaged row is not given a good hash by an update", async () => {
  await using fixture = await answers();
  const { store, tamper } = fixture;
  await store.write((tx) => insertSealed(tx, "answers", row("a")));
  tamper("UPDATE answers SET text = 'no'");
  const update = store.write((tx) => updateSealed(tx, "answers", { where: { id: "a" }, set: { at: 2 } }));
  await expect(update).rejects.toMatchObject({ code: "store_corrupt", message: expect.stringContaining("id=a") });
  expect(await verifySealed(store.read, "answers")).toHaveLength(1);
});

test("replace inserts a row or replaces all of it", async () => {
  await using fixture = await answers();
  const { store } = fixture;
  const replace = (text: string) =>
    store.write((tx) => replaceSealed(tx, "answers", { key: ["id"], row: { ...row("a"), text } }));
  await replace("first");
  await replace("second");
  expect(await store.read.selectFrom("answers").select("text").execute()).toEqual([{ text: "second" }]);
  expect(await verifySealed(store.read, "answers")).toEqual([]);
});

test("a table with defaults or a value of another type fails at the first write, not at the first check", async () => {
  await using fixture = await answers();
  const careless = fixture.store.as<{ careless: { id: string | number; row_hash: string } }>();
  const withDefault = careless.write((tx) => insertSealed(tx, "careless", { id: "a" }));
  await expect(withDefault).rejects.toMatchObject({
    code: "internal",
    message: expect.stringContaining("no defaults"),
  });
  const explicit = { id: 7, state: "new" } as { id: number };
  await expect(careless.write((tx) => insertSealed(tx, "careless", explicit))).rejects.toMatchObject({
    code: "internal",
  });
  expect(await careless.read.selectFrom("careless").selectAll().execute()).toEqual([]);
});

test("whatever fits the columns is not taken for damaged", async () => {
  await using fixture = await answers();
  const { store } = fixture;
  let count = 0;
  const text = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.string({ unit: "grapheme" }),
    fc.constant("\ud800 lone \0 nul"),
  );
  const values = fc.record({
    text,
    at: fc.maxSafeInteger(),
    score: fc.option(fc.double({ noNaN: true, noDefaultInfinity: true })),
    note: fc.option(text),
  });
  await fc.assert(
    fc.asyncProperty(values, (value) =>
      store.write((tx) => insertSealed(tx, "answers", { id: `n${count++}`, ...value })),
    ),
    { numRuns: 300 },
  );
  expect(await verifySealed(store.read, "answers")).toEqual([]);
});

test("every page of a large table is looked at", async () => {
  await using fixture = await answers();
  const { store, tamper } = fixture;
  await store.write(async (tx) => {
    for (let index = 0; index < 4500; index++) await insertSealed(tx, "answers", row(`n${index}`));
  });
  tamper("UPDATE answers SET at = 2 WHERE id IN ('n0', 'n2000', 'n2222', 'n4499')");
  const found = await verifySealed(store.read, "answers");
  expect(found.map((one) => one.row).toSorted()).toEqual(["id=n0", "id=n2000", "id=n2222", "id=n4499"]);
});
