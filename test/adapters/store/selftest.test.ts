import { mkdtempDisposableSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type Kysely, sql } from "kysely";
import { expect, test } from "vitest";
import { checkStoreHonest, openSqliteStore, type Store } from "../../../src/adapters/store/index.ts";
import { findDishonesty } from "../../../src/adapters/store/selftest.ts";
import { scenario } from "../../helpers/scenario.ts";

const temporary = () => mkdtempDisposableSync(join(tmpdir(), "specloop-selftest-test-"));

scenario("store", "The self-test runs on this Node", async () => {
  using folder = temporary();
  const { status, message } = await checkStoreHonest(folder.path);
  expect({ status, message }).toEqual({ status: "ok", message: expect.stringContaining("committed") });
  expect(readdirSync(folder.path)).toEqual([]);
});

scenario("store", "A write path acknowledges what it did not commit", async () => {
  using folder = temporary();
  const path = join(folder.path, "dishonest.db");
  await using honest = openSqliteStore(path, "full");
  // Takes back every second write after it has told its caller that all went well.
  let writes = 0;
  const dishonest: Store<unknown> = {
    read: honest.read,
    write: async <T>(work: (tx: Kysely<unknown>) => Promise<T>) => {
      let value: T | undefined;
      const taken = honest.write(async (tx) => {
        value = await work(tx);
        if (++writes % 2 === 0) throw new Error("taken back");
      });
      await taken.catch(() => {});
      return value as T;
    },
    as: <Other>() => dishonest as unknown as Store<Other>,
    [Symbol.asyncDispose]: async () => {},
  };
  expect(await findDishonesty(dishonest, path)).toContain("acknowledged");
});

test("what the self-test looks for is real: autocommit RETURNING read by get() may acknowledge a lost row", () => {
  using folder = temporary();
  const database = new DatabaseSync(join(folder.path, "autocommit.db"));
  database.exec("PRAGMA foreign_keys = ON; CREATE TABLE parents (id integer PRIMARY KEY)");
  database.exec("CREATE TABLE children (parent integer REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED)");
  let acknowledged: unknown;
  try {
    acknowledged = database.prepare("INSERT INTO children VALUES (9) RETURNING parent").get();
  } catch {
    acknowledged = undefined;
  }
  const { rows } = database.prepare("SELECT count(*) AS rows FROM children").get() as { rows: number };
  database.close();
  expect(rows).toBe(0);
  console.warn(`Node ${process.version} ${acknowledged ? "acknowledges" : "refuses"} the lost row in autocommit`);
});

test("a store whose reading side takes writes is found", async () => {
  using folder = temporary();
  const path = join(folder.path, "open.db");
  await using honest = openSqliteStore(path, "full");
  const leaky: Store<unknown> = {
    ...pick(honest),
    // Reads through the writing connection.
    read: new Proxy(honest.read, {
      get: (target, key, receiver) =>
        key === "insertInto"
          ? () => ({
              values: () => ({ returning: () => ({ executeTakeFirst: async () => sql`SELECT 1`.execute(target) }) }),
            })
          : Reflect.get(target, key, receiver),
    }),
    as: <Other>() => leaky as unknown as Store<Other>,
  };
  expect(await findDishonesty(leaky, path)).toContain("reading side");
});

function pick(store: Store<unknown>) {
  return { write: store.write.bind(store), [Symbol.asyncDispose]: async () => {} };
}
