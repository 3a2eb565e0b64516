import { DatabaseSync } from "node:sqlite";
import { Kysely } from "kysely";
import { SpecloopError } from "../../foundation/errors.ts";
import { nodeSqliteDialect } from "./dialect.ts";
import { GroupCommit } from "./group-commit.ts";
import type { Durability, Store } from "./port.ts";

/** How long another process may hold the database before a call fails with `store_busy`. */
const BUSY_TIMEOUT_MS = 5000;

/**
 * Opens (and creates) a SQLite database in WAL mode with one writing and one reading connection, so that reads see
 * committed rows only. `:memory:` is not possible: the two connections would see different databases.
 */
export function openSqliteStore(path: string, durability: Durability): Store<unknown> {
  try {
    const writer = open(path, durability, false);
    const reader = open(path, durability, true);
    return new SqliteStore(writer, reader, path);
  } catch (error) {
    throw translate(error, path);
  }
}

function open(path: string, durability: Durability, readOnly: boolean): DatabaseSync {
  const connection = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS, readOnly });
  if (!readOnly) {
    connection.exec("PRAGMA journal_mode = WAL");
    connection.exec(`PRAGMA synchronous = ${durability === "full" ? "FULL" : "NORMAL"}`);
  }
  connection.exec("PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY");
  return connection;
}

class SqliteStore<Tables> implements Store<Tables> {
  readonly read: Kysely<Tables>;
  readonly #writer: Kysely<Tables>;
  readonly #group: GroupCommit<Tables>;

  constructor(writer: DatabaseSync, reader: DatabaseSync, path: string) {
    this.read = new Kysely<Tables>({ dialect: nodeSqliteDialect(reader) });
    this.#writer = new Kysely<Tables>({ dialect: nodeSqliteDialect(writer) });
    this.#group = new GroupCommit(writer, this.#writer, (error) => translate(error, path));
  }

  write<T>(work: (tx: Kysely<Tables>) => Promise<T>): Promise<T> {
    return this.#group.write(work);
  }

  as<Other>(): Store<Other> {
    return this as unknown as Store<Other>;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#group.idle();
    await this.read.destroy();
    await this.#writer.destroy();
  }
}

/** SQLite's primary result codes (sqlite.org/rescode.html) that mean something to a caller. */
const CODES: Record<number, "store_busy" | "store_full" | "store_corrupt"> = {
  5: "store_busy",
  6: "store_busy",
  8: "store_full",
  10: "store_full",
  13: "store_full",
  14: "store_full",
  11: "store_corrupt",
  26: "store_corrupt",
};

function translate(error: unknown, path: string): unknown {
  const extended = (error as { errcode?: unknown }).errcode;
  const code = typeof extended === "number" ? CODES[extended & 0xff] : undefined;
  if (!code) return error;
  return new SpecloopError(code, `${(error as Error).message} (${path})`, { target: path, cause: error });
}
