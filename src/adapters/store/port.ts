import type { Kysely } from "kysely";

/**
 * Rows that outlive the process. SQLite and PostgreSQL both stand behind this: queries are Kysely and async, ids are
 * TEXT, times epoch-millisecond integers, JSON is TEXT, upserts are ON CONFLICT, and no SQL function reads dates or JSON.
 */
export interface Store<Tables> extends AsyncDisposable {
  /** Sees committed rows only. Writing through it fails, and so does `.stream()`: read page by page. */
  readonly read: Kysely<Tables>;
  /**
   * Runs `work` in a transaction and resolves after its COMMIT has returned, so a resolved write is durable to the
   * store's class. Writes of one event-loop turn share one transaction (group commit); each still succeeds or fails
   * alone. `work` must await nothing but queries on `tx`, and may run a second time when the first one could not be
   * committed. Errors: `store_busy`, `store_full`, `store_corrupt`, and `daemon_stopping` after disposal.
   */
  write<T>(work: (tx: Kysely<Tables>) => Promise<T>): Promise<T>;
  /** The same store seen with one room's tables. */
  as<Other>(): Store<Other>;
}

/** A numbered step of one room's schema. Never edited after a release; a new step is a new entry. */
export interface Migration {
  /** `0001-questions`: sorts in order of application. */
  name: string;
  up(db: Kysely<unknown>): Promise<void>;
}

/** All steps of one room. */
export interface RoomMigrations {
  room: string;
  migrations: Migration[];
}

/** `full`: never lost once acknowledged, also at power loss. `normal`: nothing lost at kill -9, seconds at power loss. */
export type Durability = "full" | "normal";
