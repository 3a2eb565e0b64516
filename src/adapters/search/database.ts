import { rmSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { SpecloopError } from "../../foundation/errors.ts";

/** Raised whenever the tables or what is written into them changes: an index of another version is dropped. */
const VERSION = 2;
const BUSY_TIMEOUT_MS = 5000;
/** SQLITE_CORRUPT and SQLITE_NOTADB (sqlite.org/rescode.html). */
const DAMAGED = new Set([11, 26]);
/** SQLITE_READONLY, SQLITE_IOERR, SQLITE_FULL, SQLITE_CANTOPEN. */
const UNWRITABLE = new Set([8, 10, 13, 14]);

const TABLES = `
  CREATE TABLE documents (path TEXT PRIMARY KEY, revision TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE passages (
    id INTEGER PRIMARY KEY, path TEXT NOT NULL, heading TEXT NOT NULL, heading_path TEXT NOT NULL, level INTEGER NOT NULL,
    start_line INTEGER NOT NULL, end_line INTEGER NOT NULL, hash TEXT NOT NULL, text TEXT NOT NULL);
  CREATE INDEX passages_path ON passages (path);
  CREATE INDEX passages_hash ON passages (hash);
  CREATE TABLE vectors (hash TEXT PRIMARY KEY, model TEXT NOT NULL, vector BLOB NOT NULL);
  CREATE VIRTUAL TABLE words USING fts5(
    place, heading, text, pairs, content='', contentless_delete=1, detail=full, tokenize='porter unicode61');
  CREATE VIRTUAL TABLE vocabulary USING fts5vocab(words, row);
  CREATE VIRTUAL TABLE names USING fts5(text, content='', contentless_delete=1, detail=full, tokenize='trigram');
  PRAGMA user_version = ${VERSION};`;

/** Opens the index at `path` (or `:memory:`); a damaged file or one of another version is dropped and made anew. */
export function openIndexDatabase(path: string, trusted: boolean): DatabaseSync {
  try {
    const existing = open(path);
    if (isUsable(existing, trusted)) return existing;
    existing.close();
  } catch (error) {
    if (!isDamage(error)) throw asStoreError(error, path);
  }
  return recreateIndexDatabase(path);
}

/** Drops whatever is at `path` and makes an empty index there. */
export function recreateIndexDatabase(path: string): DatabaseSync {
  try {
    if (path !== ":memory:") for (const suffix of ["", "-wal", "-shm"]) rmSync(path + suffix, { force: true });
    const connection = open(path);
    connection.exec(TABLES);
    return connection;
  } catch (error) {
    throw asStoreError(error, path);
  }
}

export function isDamage(error: unknown): boolean {
  return DAMAGED.has(primaryCode(error));
}

export function asStoreError(error: unknown, path: string): unknown {
  const code = isDamage(error) ? "store_corrupt" : UNWRITABLE.has(primaryCode(error)) ? "store_full" : null;
  return code
    ? new SpecloopError(code, `${(error as Error).message} (${path})`, { target: path, cause: error })
    : error;
}

function open(path: string): DatabaseSync {
  const connection = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
  try {
    connection.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA temp_store = MEMORY");
    return connection;
  } catch (error) {
    connection.close();
    throw error;
  }
}

/** Whether this is an undamaged index of our version; closes it when looking at it shows damage. */
function isUsable(connection: DatabaseSync, trusted: boolean): boolean {
  try {
    const version = connection.prepare("PRAGMA user_version").get()?.["user_version"];
    if (version !== VERSION || trusted) return version === VERSION;
    return connection.prepare("PRAGMA quick_check(1)").get()?.["quick_check"] === "ok";
  } catch (error) {
    connection.close();
    throw error;
  }
}

function primaryCode(error: unknown): number {
  const extended = (error as { errcode?: unknown } | null)?.errcode;
  return typeof extended === "number" ? extended & 0xff : 0;
}
