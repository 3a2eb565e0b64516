import { closeSync, openSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { Kysely, SqliteAdapter, SqliteDialect } from "kysely";
import { SpecloopError } from "../../foundation/errors.ts";
import { Connection } from "./connection.ts";
import { GroupCommit } from "./group-commit.ts";
import type { Durability, Store } from "./port.ts";
import { isBusy, translateError } from "./sqlite-errors.ts";
import type { WriteLimits } from "./write-queue.ts";

/** How long a reader, or the opening, may be kept waiting by another process. */
const BUSY_TIMEOUT_MS = 5000;
/** A writer waits in short turns of this length, and between them the event loop goes on. */
const WRITER_TURN_MS = 10;
/** The write-ahead log shrinks to this after a burst. */
const JOURNAL_LIMIT_BYTES = 16 * 1024 * 1024;
/** PRAGMA application_id of our databases: "SPLP". */
const APPLICATION_ID = 0x53504c50;

/**
 * Opens (and creates, 0600) a SQLite database in WAL mode with one writing and one reading connection, so that reads see
 * committed rows only. `:memory:` is not possible: the two connections would see different databases. Throws
 * `store_corrupt` for a file that is damaged or another program's, `store_full` for one that cannot be opened or made,
 * `store_busy`.
 */
export function openSqliteStore(
  path: string,
  durability: Durability,
  limits: Partial<WriteLimits> = {},
): Store<unknown> {
  let writer: Connection | null = null;
  try {
    createPrivate(path);
    writer = new Connection(path, "writer", () => openWriter(path, durability));
    const reader = new Connection(path, "reader", () => openReader(path));
    return new SqliteStore(writer, reader, limits);
  } catch (error) {
    writer?.close();
    throw translateError(error, path);
  }
}

function openWriter(path: string, durability: Durability): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
  try {
    claim(database, path);
    useWal(database, path);
    database.exec(`PRAGMA synchronous = ${durability === "full" ? "FULL" : "NORMAL"}`);
    database.exec(
      `PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY; PRAGMA journal_size_limit = ${JOURNAL_LIMIT_BYTES}`,
    );
    database.exec(`PRAGMA busy_timeout = ${WRITER_TURN_MS}`);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function openReader(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS, readOnly: true });
  database.exec("PRAGMA temp_store = MEMORY");
  return database;
}

/** Only a file that isn't there is made: to open and close one that SQLite has open would drop its locks (fcntl(2)). */
function createPrivate(path: string): void {
  try {
    closeSync(openSync(path, "ax", 0o600));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return;
    throw new SpecloopError("store_full", `The database cannot be made: ${message}`, { target: path, cause: error });
  }
}

/** Marks an empty database as ours; one with tables that isn't marked is another program's and is left alone. */
function claim(database: DatabaseSync, path: string): void {
  const number = (sql: string) => Object.values(database.prepare(sql).get() ?? {})[0];
  if (number("PRAGMA application_id") === APPLICATION_ID) return;
  database.exec("BEGIN IMMEDIATE");
  const owner = number("PRAGMA application_id");
  if (owner === 0 && number("SELECT count(*) FROM sqlite_schema") === 0)
    database.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
  else if (owner !== APPLICATION_ID) {
    throw new SpecloopError("store_corrupt", `${path} is a database of another program.`, {
      target: path,
      fix: `Move ${path} away and start again; nothing in it was changed.`,
    });
  }
  database.exec("COMMIT");
}

/** SQLite does not wait for other processes when it changes the journal mode, so we do. */
function useWal(database: DatabaseSync, path: string): void {
  for (const until = performance.now() + BUSY_TIMEOUT_MS; ;) {
    try {
      const mode = database.prepare("PRAGMA journal_mode = WAL").get()?.["journal_mode"];
      if (mode === "wal") return;
      throw new SpecloopError(
        "unsupported",
        `The file system of ${path} cannot hold a write-ahead log (journal mode ${String(mode)}).`,
        {
          target: path,
          fix: "Keep the repository on a local file system.",
        },
      );
    } catch (error) {
      if (!isBusy(error) || performance.now() >= until) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, WRITER_TURN_MS);
    }
  }
}

/**
 * Reads need no turn: each is one synchronous call, and none of them opens a transaction. Kysely's turns for a single
 * connection wake everybody who waits at each release, which is seconds with thousands of reads at once.
 */
class ReaderDialect extends SqliteDialect {
  override createAdapter(): SqliteAdapter {
    return new ReaderAdapter();
  }
}

class ReaderAdapter extends SqliteAdapter {
  override get supportsMultipleConnections(): boolean {
    return true;
  }
}

class SqliteStore<Tables> implements Store<Tables> {
  readonly read: Kysely<Tables>;
  readonly #writer: Kysely<Tables>;
  readonly #group: GroupCommit<Tables>;

  constructor(writer: Connection, reader: Connection, limits: Partial<WriteLimits>) {
    this.read = new Kysely<Tables>({ dialect: new ReaderDialect({ database: reader }) });
    this.#writer = new Kysely<Tables>({ dialect: new SqliteDialect({ database: writer }) });
    this.#group = new GroupCommit(writer, this.#writer, limits);
  }

  write<T>(work: (tx: Kysely<Tables>) => Promise<T>): Promise<T> {
    return this.#group.write(work);
  }

  as<Other>(): Store<Other> {
    return this as unknown as Store<Other>;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#group.close();
    await this.read.destroy();
    await this.#writer.destroy();
  }
}
