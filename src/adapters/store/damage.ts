import { existsSync, renameSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { isIntact } from "./sealed.ts";
import { resultCode, translateError } from "./sqlite-errors.ts";

/** Problems named at most; one is enough to know. */
const MAX_PROBLEMS = 20;

/**
 * What is wrong with a database, one sentence each: SQLite's own integrity check, and every row that does not fit its
 * `row_hash`. Empty for a sound one. Takes about a second per 100 MB. Throws `store_busy` and `store_full` when it
 * cannot look.
 */
export function findDamage(path: string): string[] {
  let database: DatabaseSync | null = null;
  try {
    database = new DatabaseSync(path, { timeout: 5000 });
    return [...integrityProblems(database), ...rowProblems(database)].slice(0, MAX_PROBLEMS);
  } catch (error) {
    if (![11, 26].includes(resultCode(error) ?? 0)) throw translateError(error, path);
    return [(error as Error).message];
  } finally {
    database?.close();
  }
}

/**
 * Renames a database with its -wal and -shm beside itself (`core.db.damaged-20261121T103000Z`) and returns the new path.
 * Nobody may have it open. The three keep belonging together, so that it can still be opened and searched.
 */
export function quarantine(path: string): string {
  const time = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, "");
  let aside = `${path}.damaged-${time}`;
  for (let count = 2; existsSync(aside); count++) aside = `${path}.damaged-${time}-${count}`;
  // The log first: were we stopped in between, a database without its log would be taken for whole.
  for (const suffix of ["-wal", "-shm", ""]) {
    if (existsSync(path + suffix)) renameSync(path + suffix, aside + suffix);
  }
  return aside;
}

/** Sets a damaged database aside and returns its new path; null when it is sound, and then it stays. */
export function quarantineIfDamaged(path: string): string | null {
  return findDamage(path).length > 0 ? quarantine(path) : null;
}

function integrityProblems(database: DatabaseSync): string[] {
  const rows = database.prepare(`PRAGMA integrity_check(${MAX_PROBLEMS})`).all();
  const lines = rows.flatMap((row) => String(row["integrity_check"]).split("\n"));
  return lines.filter((line) => line !== "ok" && !line.startsWith("***"));
}

function rowProblems(database: DatabaseSync): string[] {
  return sealedTables(database).flatMap((table) => {
    const problems: string[] = [];
    for (const row of database.prepare(`SELECT * FROM ${quote(table)}`).iterate()) {
      if (!isIntact(row)) problems.push(`a row of ${table} does not fit its row_hash`);
      if (problems.length >= MAX_PROBLEMS) break;
    }
    return problems;
  });
}

/** Names of the tables whose rows carry a hash. */
function sealedTables(database: DatabaseSync): string[] {
  const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
  return tables
    .map((row) => String(row["name"]))
    .filter((table) => {
      const columns = database.prepare("SELECT name FROM pragma_table_info(?)").all(table);
      return columns.some((column) => column["name"] === "row_hash");
    });
}

function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
