import { existsSync, mkdtempDisposableSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import {
  backup,
  findDamage,
  openSqliteStore,
  quarantine,
  quarantineIfDamaged,
} from "../../../src/adapters/store/index.ts";
import { scenario } from "../../helpers/scenario.ts";

interface Tables {
  notes: { id: string; body: string };
}

const temporary = () => mkdtempDisposableSync(join(tmpdir(), "specloop-damage-"));

async function open(path: string) {
  const store = openSqliteStore(path, "full").as<Tables>();
  await store.write((tx) =>
    tx.schema.createTable("notes").ifNotExists().addColumn("id", "text").addColumn("body", "text").execute(),
  );
  return store;
}

async function fill(path: string, count: number) {
  await using store = await open(path);
  await store.write(async (tx) => {
    for (let index = 0; index < count; index++) {
      await tx
        .insertInto("notes")
        .values({ id: `n${index}`, body: "x".repeat(300) })
        .execute();
    }
  });
}

/** Overwrites a sector in the middle, as a bad disk would. */
function spoil(path: string) {
  const bytes = readFileSync(path);
  bytes.fill(0xa5, bytes.length / 2, bytes.length / 2 + 8192);
  writeFileSync(path, bytes);
}

scenario("store", "A damaged database is set aside", async () => {
  using folder = temporary();
  const path = join(folder.path, "core.db");
  await fill(path, 500);
  expect(findDamage(path)).toEqual([]);
  expect(quarantineIfDamaged(path)).toBeNull();
  spoil(path);
  expect(findDamage(path).length).toBeGreaterThan(0);
  const aside = quarantineIfDamaged(path);
  expect(aside).toMatch(/core\.db\.damaged-\d{8}T\d{6}Z$/);
  expect(existsSync(path)).toBe(false);
  expect(statSync(aside!).size).toBeGreaterThan(100_000);
  await fill(path, 1);
  expect(findDamage(path)).toEqual([]);
});

test("a file that is no database at all counts as damaged", () => {
  using folder = temporary();
  const path = join(folder.path, "core.db");
  writeFileSync(path, "nothing of the kind ".repeat(500));
  expect(findDamage(path)).toEqual([expect.stringContaining("not a database")]);
});

test("the log of a database goes with it, and two set aside in one second keep their names apart", () => {
  using folder = temporary();
  const path = join(folder.path, "core.db");
  const names: string[] = [];
  for (let round = 0; round < 3; round++) {
    for (const suffix of ["", "-wal", "-shm"]) writeFileSync(path + suffix, `${round}${suffix}`);
    names.push(quarantine(path));
  }
  expect(new Set(names).size).toBe(3);
  expect(readdirSync(folder.path)).toHaveLength(9);
  expect(names.map((name) => readFileSync(`${name}-wal`, "utf8"))).toEqual(["0-wal", "1-wal", "2-wal"]);
});

scenario("store", "A backup is made while rows are written", async () => {
  using folder = temporary();
  const path = join(folder.path, "core.db");
  const copy = join(folder.path, "copy.db");
  await fill(path, 2000);
  writeFileSync(copy, "an older backup");
  {
    await using store = await open(path);
    const writing = { on: true };
    const writer = (async () => {
      for (let index = 0; writing.on; index++) {
        await store.write((tx) =>
          tx
            .insertInto("notes")
            .values({ id: `later-${index}`, body: "y" })
            .execute(),
        );
      }
    })();
    await backup(path, copy);
    writing.on = false;
    await writer;
  }
  expect(findDamage(copy)).toEqual([]);
  await using restored = await open(copy);
  const rows = await restored.read.selectFrom("notes").select("id").execute();
  expect(rows.length).toBeGreaterThanOrEqual(2000);
  expect(readdirSync(folder.path).filter((name) => name.includes("partial"))).toEqual([]);
  expect(statSync(copy).mode & 0o777).toBe(0o600);
});

test("a damaged database does not replace a good backup", async () => {
  using folder = temporary();
  const path = join(folder.path, "core.db");
  const copy = join(folder.path, "copy.db");
  await fill(path, 500);
  await backup(path, copy);
  const good = readFileSync(copy);
  spoil(path);
  await expect(backup(path, copy)).rejects.toMatchObject({ code: "store_corrupt" });
  expect(readFileSync(copy).equals(good)).toBe(true);
  expect(readdirSync(folder.path).filter((name) => name.includes("partial"))).toEqual([]);
});

test("a backup of nothing fails and leaves nothing", async () => {
  using folder = temporary();
  await expect(backup(join(folder.path, "none.db"), join(folder.path, "copy.db"))).rejects.toMatchObject({
    code: "store_full",
  });
  expect(readdirSync(folder.path)).toEqual([]);
});
