import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { HealthResult } from "../../foundation/health.ts";
import type { Store } from "./port.ts";
import { openSqliteStore } from "./sqlite.ts";

interface Tables {
  parents: { id: string };
  children: { id: string; parent: string };
}

/**
 * Proves on the running Node, in a database of its own below `directory`, that a write which was acknowledged is
 * committed and that one which cannot be committed is not acknowledged. Several versions of `node:sqlite` acknowledge
 * rows of `INSERT … RETURNING` in autocommit that were never committed; our write path has to be free of that.
 */
export async function checkStoreHonest(directory: string = tmpdir()): Promise<HealthResult> {
  const folder = mkdtempSync(join(directory, "specloop-selftest-"));
  const path = join(folder, "selftest.db");
  try {
    await using store = openSqliteStore(path, "full");
    const fault = await findDishonesty(store, path);
    if (!fault) return { status: "ok", message: `acknowledged rows are committed (SQLite ${sqliteVersion()})` };
    return {
      status: "failing",
      message: fault,
      fix: `Use another version of Node than ${process.version}, and report this.`,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What an empty store does wrong, null when nothing; `path` is its file, which is looked at over a connection of its own. */
export async function findDishonesty(store: Store<unknown>, path: string): Promise<string | null> {
  const own = store.as<Tables>();
  await createTables(own);
  return (
    (await acknowledgesOnlyCommitted(own, path)) ??
    (await refusesUncommittable(own, path)) ??
    (await keepsReaderClean(own))
  );
}

async function createTables(store: Store<Tables>): Promise<void> {
  await store.write(async (tx) => {
    await tx.schema
      .createTable("parents")
      .addColumn("id", "text", (column) => column.primaryKey())
      .execute();
    await tx.schema
      .createTable("children")
      .addColumn("id", "text", (column) => column.primaryKey())
      .addColumn("parent", "text", (column) => column.notNull())
      .addForeignKeyConstraint("children_parent", ["parent"], "parents", ["id"], (key) =>
        key.deferrable().initiallyDeferred(),
      )
      .execute();
  });
}

async function acknowledgesOnlyCommitted(store: Store<Tables>, path: string): Promise<string | null> {
  const { id } = await store.write((tx) =>
    tx.insertInto("parents").values({ id: "acknowledged" }).returning("id").executeTakeFirstOrThrow(),
  );
  return countElsewhere(path, "parents") === 1
    ? null
    : `the row "${id}" was acknowledged but another connection does not see it`;
}

/** A deferred foreign key is refused at COMMIT: the moment at which a wrong write path has acknowledged already. */
async function refusesUncommittable(store: Store<Tables>, path: string): Promise<string | null> {
  const acknowledged = await store
    .write((tx) =>
      tx.insertInto("children").values({ id: "lost", parent: "nobody" }).returning("id").executeTakeFirst(),
    )
    .then(
      () => true,
      () => false,
    );
  if (acknowledged) return "a row that could not be committed was acknowledged";
  return countElsewhere(path, "children") === 0 ? null : "a row that was refused is there all the same";
}

async function keepsReaderClean(store: Store<Tables>): Promise<string | null> {
  const written = await store.read
    .insertInto("parents")
    .values({ id: "astray" })
    .returning("id")
    .executeTakeFirst()
    .then(
      () => true,
      () => false,
    );
  return written ? "the reading side of the store took a write" : null;
}

function countElsewhere(path: string, table: "parents" | "children"): unknown {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    return database.prepare(`SELECT count(*) AS rows FROM ${table}`).get()?.["rows"];
  } finally {
    database.close();
  }
}

function sqliteVersion(): string {
  return process.versions["sqlite"] ?? "of unknown version";
}
